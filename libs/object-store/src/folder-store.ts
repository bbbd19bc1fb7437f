import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, constants as fsConstants } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  unlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { AppError, internal, invalidArgument, notFound } from '@florilegium/errors';
import { assertHash, checkingHash, sha256Of } from './check-hash.ts';
import { openFileWriter } from './file-writer.ts';
import { assertKey, assertPrefix, contentKey } from './keys.ts';
import type { GetOptions, HandedObject, ObjectBody, ObjectHead, ObjectStore, StoredObject } from './object-store.ts';

// No key starts with a dot, so what is being written is out of reach of get and list.
const temporaryFolder = '.writing';
// A write takes seconds; a temporary file this old was left by a process that died.
const abandonedMs = 3_600_000;
const contentFolders = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Objects as files under `folder`, which is made if it is not there. Several processes may share it. A write goes to a temporary file,
 * is flushed, renamed into place and the rename flushed, with those of others. Symbolic links below the folder are not followed.
 */
export async function openFolderStore(folder: string): Promise<ObjectStore> {
  await mkdir(join(folder, temporaryFolder), { recursive: true });
  const root = await realpath(folder);
  await removeAbandoned(join(root, temporaryFolder));
  const knownFolders = new Set<string>();
  const contentPrefixes = new Map<string, Promise<void>>();
  const writingFolder = join(root, temporaryFolder);
  const files = openFileWriter(writingFolder, '');

  /** Makes the folder of a key, flushed into its parents, and refuses one that a link leads out of. */
  async function ensureFolder(path: string): Promise<void> {
    if (knownFolders.has(path)) return;
    const made = await mkdir(path, { recursive: true });
    await assertInside(path);
    if (made) for (let at = path; at !== dirname(made); at = dirname(at)) await flushFolder(dirname(at));
    // 256 folders a prefix, and a few prefixes: small, but a store of freely named keys must not grow it without end.
    if (knownFolders.size < 4096) knownFolders.add(path);
  }

  async function assertInside(path: string): Promise<void> {
    const real = await realpath(path);
    if (real !== path) throw invalidArgument('the key leads through a symbolic link', { field: 'key' });
  }

  async function write(body: ObjectBody): Promise<{ path: string; bytes: number; sha256: string }> {
    const path = join(root, temporaryFolder, randomUUID());
    const hash = createHash('sha256');
    let bytes = 0;
    const file = await open(path, 'wx', 0o644);
    try {
      if (body instanceof Uint8Array) {
        hash.update(body);
        bytes = body.length;
        await file.writeFile(body);
      } else {
        for await (const piece of body) {
          hash.update(piece);
          bytes += piece.length;
          await file.writeFile(piece);
        }
      }
      await file.sync();
    } catch (error) {
      await file.close();
      await rm(path, { force: true });
      throw error;
    }
    await file.close();
    return { path, bytes, sha256: hash.digest('hex') };
  }

  async function moveIntoPlace(from: string, key: string): Promise<void> {
    const path = join(root, key);
    try {
      await ensureFolder(dirname(path));
      try {
        await rename(from, path);
      } catch (error) {
        // The folder was removed by somebody since we saw it.
        if (!isCode(error, 'ENOENT')) throw error;
        knownFolders.delete(dirname(path));
        await ensureFolder(dirname(path));
        await rename(from, path);
      }
      await flushRenames();
    } catch (error) {
      await rm(from, { force: true });
      throw error;
    }
  }

  async function openForRead(key: string): Promise<{ file: FileHandle; bytes: number }> {
    assertKey(key);
    const path = join(root, key);
    let file: FileHandle;
    try {
      await assertInside(dirname(path));
      file = await open(path, fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW);
    } catch (error) {
      if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) throw notFound('object', key, { cause: error });
      if (isCode(error, 'ELOOP')) throw invalidArgument('the key names a symbolic link', { field: 'key' });
      throw error;
    }
    const about = await file.stat();
    if (!about.isFile()) {
      await file.close();
      throw notFound('object', key);
    }
    return { file, bytes: about.size };
  }

  async function head(key: string): Promise<ObjectHead | undefined> {
    try {
      const { file } = await openForRead(key);
      const about = await file.stat().finally(() => file.close());
      return { key, bytes: about.size, modifiedAt: about.mtime };
    } catch (error) {
      if (error instanceof AppError && error.code === 'not_found') return undefined;
      throw error;
    }
  }

  /** Whether it is there with this length; one that is counts as modified now. False also where that cannot be told: it is written anew then. */
  async function touchSame(key: string, bytes: number): Promise<boolean> {
    if ((await head(key))?.bytes !== bytes) return false;
    const now = new Date();
    // The file is gone, or another user's: on a store that several share its times are theirs to set.
    return await utimes(join(root, key), now, now).then(
      () => true,
      () => false,
    );
  }

  /** All 256 folders of a prefix that names objects after their content, flushed at once: one by one, each would cost as much as some images. */
  function ensureContentFolders(prefix: string): Promise<void> {
    let made = contentPrefixes.get(prefix);
    if (!made) {
      made = makeContentFolders(prefix).catch((error: unknown) => {
        contentPrefixes.delete(prefix);
        throw error;
      });
      contentPrefixes.set(prefix, made);
    }
    return made;
  }

  async function makeContentFolders(prefix: string): Promise<void> {
    const parent = join(root, prefix);
    await ensureFolder(parent);
    await Promise.all(contentFolders.map((name) => mkdir(join(parent, name), { recursive: true })));
    await flushFolder(parent);
  }

  /** Bytes that are in memory. `write` and `moveIntoPlace` are for those that come in pieces. */
  async function handContent(
    prefix: string,
    extension: string,
    bytes: Uint8Array,
    given?: { sha256: string },
  ): Promise<HandedObject> {
    const sha256 = given?.sha256 ?? sha256Of(bytes);
    const key = contentKey(prefix, sha256, extension);
    const path = join(root, key);
    const folder = dirname(path);
    if (!knownFolders.has(folder)) {
      await ensureContentFolders(prefix);
      await ensureFolder(folder);
    }
    const { durable } = await files.write(path, bytes, { keepSame: true });
    return { stored: { key, bytes: bytes.length, sha256 }, durable };
  }

  let flushing: Promise<void> | undefined;
  let nextFlush: Promise<void> | undefined;

  /**
   * Makes all renames so far durable, one flush for all who ask while another is under way. It flushes the folder renamed from: a rename is
   * atomic, so a name that is gone there for good is in its new place for good.
   */
  function flushRenames(): Promise<void> {
    nextFlush ??= (async () => {
      await flushing?.catch(() => {});
      flushing = nextFlush;
      nextFlush = undefined;
      await flushFolder(writingFolder);
    })();
    return nextFlush;
  }

  return {
    async put(key, body) {
      assertKey(key);
      const written = await write(body);
      await moveIntoPlace(written.path, key);
      return { key, bytes: written.bytes, sha256: written.sha256 };
    },

    handContent,

    async putContent(prefix, extension, body, given): Promise<StoredObject> {
      if (body instanceof Uint8Array) {
        const { stored, durable } = await handContent(prefix, extension, body, given);
        await durable;
        return stored;
      }
      contentKey(prefix, '0'.repeat(64), extension);
      const written = await write(body);
      const key = contentKey(prefix, written.sha256, extension);
      if (await touchSame(key, written.bytes)) await rm(written.path, { force: true });
      else await moveIntoPlace(written.path, key);
      return { key, bytes: written.bytes, sha256: written.sha256 };
    },

    async get(key, options = {}) {
      const { file, bytes } = await openForRead(key);
      try {
        const { start, length } = wantedPart(key, bytes, options);
        const buffer = bufferFor(length, options.into);
        let filled = 0;
        while (filled < length) {
          const { bytesRead } = await file.read(buffer, filled, length - filled, start + filled);
          if (bytesRead === 0) throw internal(`object ${key} ends after ${start + filled} of ${bytes} bytes`);
          filled += bytesRead;
        }
        if (options.sha256) assertHash(key, options.sha256, sha256Of(buffer));
        return buffer;
      } finally {
        await file.close();
      }
    },

    async getStream(key, options = {}) {
      const { file, bytes } = await openForRead(key);
      try {
        const { start, length } = wantedPart(key, bytes, options);
        if (length === 0) {
          await file.close();
          return { bytes: 0, stream: Readable.from([]) };
        }
        const stream = createReadStream('', { fd: file, start, end: start + length - 1, highWaterMark: 256 * 1024 });
        if (!options.sha256) return { bytes: length, stream };
        const checked = Readable.from(checkingHash(key, stream, options.sha256), { objectMode: false });
        return { bytes: length, stream: checked };
      } catch (error) {
        await file.close();
        throw error;
      }
    },

    async head(key) {
      assertKey(key);
      return head(key);
    },

    async *list(prefix) {
      assertPrefix(prefix);
      const slash = prefix.lastIndexOf('/');
      yield* walk(root, slash < 0 ? '' : prefix.slice(0, slash + 1), prefix);
    },

    async delete(key) {
      assertKey(key);
      const path = join(root, key);
      try {
        await assertInside(dirname(path));
        await unlink(path);
        await flushFolder(dirname(path));
      } catch (error) {
        if (!isCode(error, 'ENOENT') && !isCode(error, 'ENOTDIR')) throw error;
      }
    },

    async deleteUntouched(key, since) {
      assertKey(key);
      const path = join(root, key);
      const aside = join(writingFolder, randomUUID());
      try {
        await assertInside(dirname(path));
        if ((await stat(path)).mtime > since) return false;
        // From here on a put finds nothing and writes anew; one that found the file before has touched it.
        await rename(path, aside);
      } catch (error) {
        if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return false;
        throw error;
      }
      const isTouched = await putBackIfTouched(aside, path, since);
      await rm(aside, { force: true });
      await flushFolder(dirname(path));
      return !isTouched;
    },
  };
}

/** Objects below `folder` (empty, or ending in a slash) whose key starts with `prefix`, in the order of the keys. */
async function* walk(root: string, folder: string, prefix: string): AsyncGenerator<ObjectHead> {
  let entries: { name: string; isFolder: boolean }[];
  try {
    entries = (await readdir(join(root, folder), { withFileTypes: true }))
      .filter((entry) => (entry.isFile() || entry.isDirectory()) && !entry.name.startsWith('.'))
      .map((entry) => ({ name: entry.isDirectory() ? `${entry.name}/` : entry.name, isFolder: entry.isDirectory() }));
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return;
    throw error;
  }
  // A folder sorts by its name with the slash, as the keys below it do: `a-b` < `a.txt` < `a/…`.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name, isFolder } of entries) {
    const key = folder + name;
    if (isFolder) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* walk(root, key, prefix);
    } else if (key.startsWith(prefix)) {
      try {
        const about = await stat(join(root, key));
        yield { key, bytes: about.size, modifiedAt: about.mtime };
      } catch (error) {
        if (!isCode(error, 'ENOENT')) throw error; // deleted since it was read from the directory
      }
    }
  }
}

function bufferFor(length: number, into: Uint8Array | undefined): Buffer {
  return into && into.length >= length ? Buffer.from(into.buffer, into.byteOffset, length) : Buffer.allocUnsafe(length);
}

function wantedPart(key: string, bytes: number, options: GetOptions): { start: number; length: number } {
  const { range } = options;
  if (!range) return { start: 0, length: bytes };
  if (options.sha256) throw invalidArgument('a hash cannot be checked on a range', { field: 'range' });
  const { start } = range;
  const wanted = range.bytes ?? bytes;
  if (!Number.isInteger(start) || start < 0 || start > bytes || !Number.isInteger(wanted) || wanted < 0) {
    throw invalidArgument(`range ${start}+${wanted} is not within the ${bytes} bytes of ${key}`, { field: 'range' });
  }
  return { start, length: Math.min(wanted, bytes - start) };
}

/** Whether a file that was set aside was put again after `since`: it is in its place again then, unless new bytes have taken it. */
async function putBackIfTouched(aside: string, path: string, since: Date): Promise<boolean> {
  try {
    if ((await stat(aside)).mtime <= since) return false;
    await link(aside, path);
    return true;
  } catch (error) {
    // Cleared away, as it looks old, by a process that starts just now.
    if (isCode(error, 'ENOENT')) return false;
    if (isCode(error, 'EEXIST')) return true;
    throw error;
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for await (const entry of await opendir(folder)) {
    const path = join(folder, entry.name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs > abandonedMs) await unlink(path);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
