import { type Ensemble, type EnsembleManifest, unpackEnsemble } from '@florilegium/ensemble';
import { AppError, failedPrecondition } from '@florilegium/errors';
import type { ObjectStore } from '@florilegium/object-store';

export interface EnsembleArtifacts {
  /**
   * Reads an ensemble and checks every file's hash. Files that are not there (yet) are failed_precondition, wrong ones internal; both
   * name the file.
   */
  load(manifestKey: string, manifestSha256: string): Promise<{ manifest: EnsembleManifest; ensemble: Ensemble }>;
}

export function ensembleArtifacts(objects: ObjectStore): EnsembleArtifacts {
  const read = async (key: string) => {
    try {
      return await objects.get(key);
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found')
        throw failedPrecondition(`${key} is not in the object store`, { cause: error });
      throw error;
    }
  };
  return {
    load: async (manifestKey, manifestSha256) => await unpackEnsemble(await read(manifestKey), manifestSha256, read),
  };
}
