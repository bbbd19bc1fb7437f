/** Builders of BHL's export files, in its form: BOM, CRLF, one row for each (page, type, number). */
export interface RowOf {
  pageId: number | string;
  itemId?: number | string;
  sequence?: number;
  year?: string;
  prefix?: string;
  number?: string;
  typeName?: string;
}

const bom = '\uFEFF';

export function pageFile(rows: readonly RowOf[]): string {
  const header =
    'PageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate\r\n';
  const lines = rows.map((row) => {
    const { pageId, itemId = 7, sequence = 1, year = '', prefix = 'Page', number = '1', typeName = 'Text' } = row;
    return `${pageId}\t${itemId}\t${sequence}\t${year}\t\t\t${prefix}\t${number}\t${typeName}\t2012-01-01 00:00\r\n`;
  });
  return bom + header + lines.join('');
}

export interface ItemOf {
  itemId: number;
  titleId?: number | '';
  barCode?: string;
  year?: string;
  license?: string;
}

export function itemFile(items: readonly ItemOf[]): string {
  const header =
    'ItemID\tTitleID\tBarCode\tVolumeInfo\tYear\tCopyrightStatus\tRightsStatement\tLicenseType\tRightsHolder\r\n';
  const lines = items.map(
    ({ itemId, titleId = '', barCode = `flora${itemId}`, year = '1836', license = '' }) =>
      `${itemId}\t${titleId}\t${barCode}\tv.1\t${year}\tPublic domain.\t\t${license}\t\r\n`,
  );
  return bom + header + lines.join('');
}

export function titleFile(titles: readonly { titleId: number; title: string; author?: string }[]): string {
  const lines = titles.map(({ titleId, title, author = '' }) => `${titleId}\t${title}\t${author}\r\n`);
  return `${bom}TitleID\tFullTitle\tTL2Author\r\n${lines.join('')}`;
}

/**
 * A library of `itemCount` items with about `pagesPerItem` pages each, a fifth of them plates, some with two rows.
 * Deterministic, so that two files of the same size are the same.
 */
export function aLibrary(itemCount: number, pagesPerItem: number): { rows: RowOf[]; items: ItemOf[] } {
  const rows: RowOf[] = [];
  const items: ItemOf[] = [];
  let pageId = 1000;
  for (let itemId = 1; itemId <= itemCount; itemId++) {
    items.push({ itemId, titleId: 500 + (itemId % 5) });
    const pageCount = pagesPerItem + ((itemId * 7) % 9);
    for (let sequence = 1; sequence <= pageCount; sequence++) {
      const page = { pageId: pageId++, itemId, sequence, number: String(sequence) };
      const kind = (sequence * 3 + itemId) % 10;
      if (kind === 0) rows.push({ ...page, prefix: 'Plate', typeName: 'Illustration' });
      else if (kind === 1) rows.push({ ...page, prefix: 'Tab.', typeName: 'Text' });
      else if (kind === 2 && sequence % 4 === 0) {
        rows.push(
          { ...page, prefix: 'Page', typeName: 'Text' },
          { ...page, prefix: '', number: '', typeName: 'Illustration' },
        );
      } else rows.push({ ...page, typeName: kind === 3 ? 'Blank' : 'Text' });
    }
  }
  return { rows, items };
}
