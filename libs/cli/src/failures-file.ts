import { open, readFile, rename } from 'node:fs/promises';

export interface FailedPage {
  pageId: number;
  outcome: string;
  detail: string;
}

export interface FailuresFile {
  add(page: FailedPage): Promise<void>;
  close(): Promise<void>;
}

/**
 * `PageID,outcome,detail`, a line a page as it fails. Lines of an earlier download about pages outside `tried` stay; those about pages
 * that are tried again go.
 */
export async function openFailuresFile(path: string, tried: ReadonlySet<number>): Promise<FailuresFile> {
  const earlier = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(1);
  const kept = earlier.filter((line) => /^\d+,/.test(line) && !tried.has(Number.parseInt(line, 10)));
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w');
  await file.writeFile(['PageID,outcome,detail', ...kept, ''].join('\n'));
  await rename(temporary, path);
  // One after the other: two writes at once may reach the file in pieces.
  let writing: Promise<void> = Promise.resolve();
  return {
    add: ({ pageId, outcome, detail }) => {
      writing = writing.then(() => file.writeFile(`${pageId},${outcome},${quote(detail)}\n`));
      return writing;
    },
    close: async () => {
      await writing.catch(() => {});
      await file.sync();
      await file.close();
    },
  };
}

/** RFC 4180, but on one line whatever the text holds. */
const quote = (text: string) =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll(/[\r\n]+/g, ' ').replaceAll('"', '""')}"` : text;
