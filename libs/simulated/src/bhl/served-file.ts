import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';

export interface ServedFile {
  file: FileHandle;
  bytes: number;
  etag: string;
  lastModified: string;
}

/** Opens a regular file that truly lies below `root`; undefined for anything else, links that lead out of it included. */
export async function openBelow(root: string, path: string): Promise<ServedFile | undefined> {
  let file: FileHandle | undefined;
  try {
    const real = await realpath(path);
    if (!real.startsWith(root + sep)) return undefined;
    file = await open(real, 'r');
    const stat = await file.stat();
    if (!stat.isFile()) {
      await file.close();
      return undefined;
    }
    return {
      file,
      bytes: stat.size,
      etag: `"${stat.size.toString(16)}-${Math.round(stat.mtimeMs).toString(16)}"`,
      lastModified: stat.mtime.toUTCString(),
    };
  } catch (error) {
    await file?.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ELOOP' || code === 'EACCES')
      return undefined;
    throw error;
  }
}

export type ByteRange = { from: number; to: number } | 'whole' | 'unsatisfiable';

/** One range of RFC 9110; several ranges and other units are answered with the whole, as the standard allows. */
export function rangeOf(header: string | undefined, bytes: number): ByteRange {
  const match = header === undefined ? null : /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === '' && match[2] === '')) return 'whole';
  if (match[1] === '') {
    const last = Number(match[2]);
    return last === 0 || bytes === 0 ? 'unsatisfiable' : { from: Math.max(0, bytes - last), to: bytes - 1 };
  }
  const from = Number(match[1]);
  const to = match[2] === '' ? bytes - 1 : Math.min(Number(match[2]), bytes - 1);
  if (match[2] !== '' && Number(match[2]) < from) return 'whole';
  return from >= bytes ? 'unsatisfiable' : { from, to };
}
