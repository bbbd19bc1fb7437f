import { finished } from 'node:stream/promises';
import { type Manifest, readManifest, type UnpackedEnsemble, unpackAnyEnsemble } from '@florilegium/ensemble';
import { AppError, failedPrecondition, internal } from '@florilegium/errors';
import type { ObjectStore } from '@florilegium/object-store';

/** All methods check every file's hash. Files that are not there (yet) are failed_precondition, wrong ones internal; both name the file. */
export interface EnsembleArtifacts {
  load(manifestKey: string, manifestSha256: string): Promise<UnpackedEnsemble>;
  /** The manifest alone. */
  readManifest(manifestKey: string, manifestSha256: string): Promise<Manifest>;
  /** As `load` in what it checks of files, but for numbers that are not finite; holds none of them: weights of networks are hundreds of megabytes. */
  check(manifestKey: string, manifestSha256: string): Promise<Manifest>;
}

export function ensembleArtifacts(objects: ObjectStore): EnsembleArtifacts {
  const read = (key: string) => naming(key, objects.get(key));
  return {
    load: async (manifestKey, manifestSha256) => await unpackAnyEnsemble(await read(manifestKey), manifestSha256, read),
    readManifest: async (manifestKey, manifestSha256) => readManifest(await read(manifestKey), manifestSha256),
    check: async (manifestKey, manifestSha256) => {
      const manifest = readManifest(await read(manifestKey), manifestSha256);
      for (const { weights } of manifest.members) {
        const { key, sha256 } = weights;
        const { stream, bytes } = await naming(key, objects.getStream(key, { sha256 }));
        if (bytes !== weights.bytes) {
          stream.destroy();
          throw internal(`weight file ${key} has ${bytes} bytes, not ${weights.bytes}`);
        }
        await finished(stream.resume());
      }
      return manifest;
    },
  };
}

async function naming<Result>(key: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found')
      throw failedPrecondition(`${key} is not in the object store`, { cause: error });
    throw error;
  }
}
