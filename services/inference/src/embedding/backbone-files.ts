import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@florilegium/errors';
import { Agent, request } from 'undici';
import type { BackboneManifest } from './backbones.ts';

/** The path of the first file in the folders that is the backbone, by size and sha256. Folders that cannot be read hold nothing. */
export async function findBackboneFile(
  manifest: BackboneManifest,
  folders: readonly string[],
): Promise<string | undefined> {
  for (const folder of folders) {
    for (const name of (await readdir(folder).catch(() => [])).sort()) {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      if (found?.isFile() && found.size === manifest.bytes && (await sha256OfFile(path)) === manifest.sha256)
        return path;
    }
  }
  return undefined;
}

export type Download = { kind: 'stored'; path: string } | { kind: 'failed'; reason: string };

export interface DownloadOptions {
  cacheFolder: string;
  connectTimeoutMs?: number;
  /** From the first byte sent to the last byte stored. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Downloads a backbone into the cache: one try. The file is there only when its length and hash are right. */
export async function downloadBackbone(
  manifest: BackboneManifest,
  { cacheFolder, connectTimeoutMs = 5000, timeoutMs = 60_000, signal }: DownloadOptions,
): Promise<Download> {
  if (!manifest.address) return { kind: 'failed', reason: `${manifest.name} has no address to download it from` };
  const dispatcher = new Agent({ connect: { timeout: connectTimeoutMs } });
  const path = join(cacheFolder, `${manifest.name}.onnx`);
  const partial = `${path}.${process.pid}.part`;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await mkdir(cacheFolder, { recursive: true });
    await store(manifest, partial, dispatcher, signal ? AbortSignal.any([deadline, signal]) : deadline);
    await rename(partial, path);
    return { kind: 'stored', path };
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    const reason = deadline.aborted ? `not there after ${timeoutMs / 1000} s` : messageOf(error);
    return {
      kind: 'failed',
      reason: `${manifest.name} could not be downloaded from ${new URL(manifest.address).host}: ${reason}`,
    };
  } finally {
    await dispatcher.destroy();
  }
}

async function store(manifest: BackboneManifest, path: string, dispatcher: Agent, signal: AbortSignal): Promise<void> {
  let address = manifest.address!;
  // Model hosts answer with a redirect to their store.
  for (let hop = 0; ; hop++) {
    const { statusCode, headers, body } = await request(address, { dispatcher, signal });
    if (statusCode >= 300 && statusCode < 400 && headers.location && hop < 5) {
      await body.dump();
      address = new URL(String(headers.location), address).href;
      continue;
    }
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`HTTP ${statusCode}`);
    }
    const hash = createHash('sha256');
    let bytes = 0;
    const file = await open(path, 'w');
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > manifest.bytes) throw new Error(`longer than ${manifest.bytes} bytes`);
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      if (bytes !== manifest.bytes) throw new Error(`ended after ${bytes} of ${manifest.bytes} bytes`);
      const sha256 = hash.digest('hex');
      if (sha256 !== manifest.sha256) throw new Error(`its sha256 is ${sha256}, not ${manifest.sha256}`);
      await file.sync();
    } finally {
      await file.close();
    }
    return;
  }
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
