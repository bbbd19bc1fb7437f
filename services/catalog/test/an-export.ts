import { crc32, deflateRawSync } from 'node:zlib';

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

/** Any file of the export: its header, and the values of its lines. */
export function tabFile(header: readonly string[], lines: readonly (readonly (string | number)[])[]): string {
  return `${bom}${[header, ...lines].map((line) => line.join('\t')).join('\r\n')}\r\n`;
}

/** A ZIP archive as .NET writes it: deflated entries and their directory. */
export function zipOf(files: Record<string, string>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const packed = deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(8, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), packed);
    directory.push(entry, Buffer.from(name));
    offset += 30 + name.length + packed.length;
  }
  const bytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(bytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, bytes, end]);
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
