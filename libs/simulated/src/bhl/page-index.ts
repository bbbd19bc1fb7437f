import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { readItemFile, readPageFile } from '@florilegium/bhl';
import { AppError } from '@florilegium/errors';

export interface PageIndex {
  find(pageId: number): { barCode: string; sequence: number } | undefined;
  pageCount: number;
  /** Why the export could be read only in part; it is served all the same, as BHL would serve a damaged file. */
  fault: string | undefined;
}

/** Which item and sequence each page of a library has: what BHL's own database knows. About 100 bytes a page. */
export async function readPageIndex(dir: string): Promise<PageIndex> {
  const barCodes = new Map<number, string>();
  const pages = new Map<number, { itemId: number; sequence: number }>();
  let fault: string | undefined;
  const drain = async (progress: AsyncIterable<unknown>) => {
    for await (const _ of progress);
  };
  try {
    await drain(
      readItemFile(createReadStream(join(dir, 'data', 'item.txt.gz')), {
        file: 'item.txt.gz',
        onItem: ({ itemId, barCode }) => barCodes.set(itemId, barCode),
      }),
    );
    await drain(
      readPageFile(createReadStream(join(dir, 'data', 'page.txt.gz')), {
        file: 'page.txt.gz',
        kindOf: () => undefined,
        onRow: ({ pageId, itemId, sequence }) => {
          pages.set(pageId, { itemId, sequence });
        },
      }),
    );
  } catch (error) {
    const damaged = error instanceof AppError && error.code === 'invalid_argument';
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!damaged && !absent) throw error;
    fault = (error as Error).message;
  }
  return {
    find: (pageId) => {
      const page = pages.get(pageId);
      const barCode = page && barCodes.get(page.itemId);
      return page && barCode ? { barCode, sequence: page.sequence } : undefined;
    },
    pageCount: pages.size,
    fault,
  };
}
