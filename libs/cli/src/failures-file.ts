import { appendFile, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface FailedPage {
  pageId: number;
  outcome: string;
  detail: string;
}

export interface FailuresFile {
  add(page: FailedPage): Promise<void>;
  close(): Promise<void>;
}

const header = 'PageID,outcome,detail';

/**
 * `PageID,outcome,detail`, a line a page as it fails. Lines of an earlier download about pages outside `tried` stay; those about pages
 * that are tried again go. Several downloads may write the same file side by side.
 */
export async function openFailuresFile(path: string, tried: ReadonlySet<number>): Promise<FailuresFile> {
  await inTurn(path, async () => {
    const earlier = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(1);
    const kept = earlier.filter((line) => /^\d+,/.test(line) && !tried.has(Number.parseInt(line, 10)));
    const temporary = `${path}.${process.pid}.tmp`;
    await writeFile(temporary, [header, ...kept, ''].join('\n'));
    await rename(temporary, path);
  });
  // One after the other: two writes at once may reach the file in pieces.
  let writing: Promise<void> = Promise.resolve();
  return {
    add: ({ pageId, outcome, detail }) => {
      // By its name each time: another download may have put a new file in its place.
      writing = writing.then(() => inTurn(path, () => appendFile(path, `${pageId},${outcome},${quote(detail)}\n`)));
      return writing;
    },
    close: async () => {
      await writing.catch(() => {});
      const file = await open(path, 'a');
      await file.sync().finally(() => file.close());
    },
  };
}

// A turn takes milliseconds; a lock this old was left by a process that died.
const abandonedMs = 10_000;

/** Does `work` while no other download touches the file: a line must not get lost between another's reading and writing. */
async function inTurn(path: string, work: () => Promise<void>): Promise<void> {
  const lock = join(dirname(path), `.${basename(path)}.lock`);
  for (;;) {
    try {
      await (await open(lock, 'wx')).close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const about = await stat(lock).catch(() => undefined);
      if (about && Date.now() - about.mtimeMs > abandonedMs) await rm(lock, { force: true });
      else await sleep(5 + Math.random() * 20);
    }
  }
  await work().finally(() => rm(lock, { force: true }));
}

/** RFC 4180, but on one line whatever the text holds. */
const quote = (text: string) =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll(/[\r\n]+/g, ' ').replaceAll('"', '""')}"` : text;
