import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepProgress } from './progress.ts';
import type { RestClient } from './rest-client.ts';

const extensions: Record<string, string> = {
  'image/webp': 'webp',
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/jp2': 'jp2',
};

export interface DownloadOptions {
  rest: RestClient;
  version: number;
  dir: string;
  progress: StepProgress;
  inFlightMax?: number;
}

/**
 * Writes the images of a published list into `dir` as `<PageID>.<real extension>`, each whole or not at all; those that are there are kept.
 * @returns how many are there now, and how many pages of the list have no image
 */
export async function downloadList({
  rest,
  version,
  dir,
  progress,
  inFlightMax = 6,
}: DownloadOptions): Promise<{ written: number; missing: number }> {
  await mkdir(dir, { recursive: true });
  const there = new Set((await readdir(dir)).filter((name) => !name.startsWith('.')).map((name) => name.split('.')[0]));
  const total = (await rest.get<{ pageCount: number }>(`/v1/hq-lists/${version}`)).pageCount;
  let written = 0;
  let missing = 0;
  const store = async (pageId: number) => {
    const image = there.has(`${pageId}`) ? 'kept' : await rest.bytes(`/v1/images/${pageId}?size=medium`);
    if (image === undefined) missing += 1;
    else written += 1;
    if (image !== undefined && image !== 'kept')
      await writeWhole(dir, `${pageId}.${extensions[image.mediaType.split(';')[0]!] ?? 'bin'}`, image.content);
    progress.update(written + missing, total);
  };
  let after: number | null = null;
  do {
    const path: string = `/v1/hq-lists/${version}/pages?limit=500${after === null ? '' : `&after=${after}`}`;
    const part: { pages: { pageId: number }[]; next: number | null } = await rest.get(path);
    const queue = part.pages.map((page) => page.pageId);
    await Promise.all(
      Array.from({ length: inFlightMax }, async () => {
        for (let pageId = queue.shift(); pageId !== undefined; pageId = queue.shift()) await store(pageId);
      }),
    );
    after = part.next;
  } while (after !== null);
  return { written, missing };
}

async function writeWhole(dir: string, name: string, content: Buffer): Promise<void> {
  const temporary = join(dir, `.${name}.tmp`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(dir, name));
}
