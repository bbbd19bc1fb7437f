import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { listZipEntries, type RandomAccess, readZipEntry } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';

export interface PageFileSource {
  bytes: AsyncIterable<Uint8Array>;
  /** As stored: what `onBytes` adds up to. */
  bytesTotal: number;
}

/** BHL's page file: alone (plain or .gz, which the reader sees for itself), or inside an archive such as BHL's data.zip. */
export async function openPageFile(path: string, onBytes: (bytes: number) => void): Promise<PageFileSource> {
  const { size } = await stat(path);
  if (!(await isZip(path))) return { bytesTotal: size, bytes: readRange(path, 0, size, onBytes) };
  const quiet: RandomAccess = { bytesTotal: size, read: (from, to) => readRange(path, from, to, () => {}) };
  const entries = await listZipEntries(quiet, path);
  const entry = entries.find(({ name }) => /(^|[\\/])page\.txt$/i.test(name));
  if (!entry) throw invalidArgument(`${path} holds no page.txt`);
  const access: RandomAccess = { bytesTotal: size, read: (from, to) => readRange(path, from, to, onBytes) };
  return { bytesTotal: entry.compressedBytes, bytes: readZipEntry(access, entry, path) };
}

async function isZip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(4);
    await file.read(head, 0, 4, 0);
    return head.equals(Buffer.from('PK\x03\x04', 'latin1'));
  } finally {
    await file.close();
  }
}

async function* readRange(
  path: string,
  from: number,
  to: number,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  if (from >= to) return;
  for await (const block of createReadStream(path, { highWaterMark: 1 << 20, start: from, end: to - 1 })) {
    onBytes((block as Buffer).length);
    yield block as Buffer;
  }
}
