import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

/** About 270 KB of text and ten milliseconds of PostgreSQL: parts of a third of that take half as long again in all. */
const partPages = 30_000;

/** The PageIDs of a frozen list, one a line: the reference project's form. A part is read only when the one before is gone. */
export async function* readListText(
  { hqLists }: Pick<Store, 'hqLists'>,
  { id, pageCount }: Pick<HqList, 'id' | 'pageCount'>,
): AsyncGenerator<Buffer> {
  for (let from = 0; from < (pageCount ?? 0); from += partPages)
    yield Buffer.from(await hqLists.readText(id, from, from + partPages));
}
