import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

const partPages = 1000;

const columns = [
  'pageId',
  'probability',
  'chosenBy',
  'title',
  'authors',
  'year',
  'volume',
  'place',
  'names',
  'itemId',
  'titleId',
  'reuse',
  'rights',
  'license',
  'citation',
  'width',
  'height',
  'bhlAddress',
] as const;

/** A frozen list with its stories and rights as CSV (RFC 4180), a header first; scientific names stand in one field, separated by `; `. */
export async function* readListCsv(
  { hqListStories }: Pick<Store, 'hqListStories'>,
  { id, pageCount }: Pick<HqList, 'id' | 'pageCount'>,
): AsyncGenerator<Buffer> {
  yield Buffer.from(`${columns.join(',')}\n`);
  for (let from = 0; from < (pageCount ?? 0); from += partPages) {
    const pages = await hqListStories.readStories(id, from, partPages);
    const lines = pages.map((page) => {
      const fields = {
        ...page,
        names: page.names.join('; '),
        bhlAddress: `https://www.biodiversitylibrary.org/page/${page.pageId}`,
      };
      return `${columns.map((column) => csvField(fields[column])).join(',')}\n`;
    });
    yield Buffer.from(lines.join(''));
  }
}

/** Titles of books begin with anything: a leading = + - or @ would be run as a formula by a spreadsheet. */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
