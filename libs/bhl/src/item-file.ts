import type { ByteSource } from './gunzip.ts';
import { type BadLine, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

/** One row of item.txt: an item that belongs to several titles has one row for each. Absent text is ''. */
export interface ItemFileRow {
  itemId: number;
  /** -1 where the file gives none. */
  titleId: number;
  barCode: string;
  volumeInfo: string;
  year: string;
  institutionName: string;
  copyrightStatus: string;
  rightsStatement: string;
  licenseType: string;
  rightsHolder: string;
}

export interface ItemFileOptions {
  file: string;
  onItem: (item: ItemFileRow, line: number) => void;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads item.txt or item.txt.gz (see readTabFile); ItemID and BarCode must be in the header. Items are not merged here.
 * @throws AppError invalid_argument naming file and line.
 */
export function readItemFile(source: ByteSource, options: ItemFileOptions): AsyncGenerator<ReadProgress> {
  let column: (name: string) => number;
  return readTabFile(source, {
    file: options.file,
    required: ['ItemID', 'BarCode'],
    rowOf: (header) => {
      column = (name) => header.indexOf(name);
      return new TabRow(header);
    },
    onRow: (row) => {
      const itemId = row.int(column('ItemID'));
      if (itemId < 0) return itemId === -2 ? 'id_out_of_range' : 'id_not_numeric';
      const item = {
        itemId,
        titleId: Math.max(-1, row.int(column('TitleID'))),
        barCode: row.text(column('BarCode')),
        volumeInfo: row.text(column('VolumeInfo')),
        year: row.text(column('Year')),
        institutionName: row.text(column('InstitutionName')),
        copyrightStatus: row.text(column('CopyrightStatus')),
        rightsStatement: row.text(column('RightsStatement')),
        licenseType: row.text(column('LicenseType')),
        rightsHolder: row.text(column('RightsHolder')),
      };
      options.onItem(item, row.line);
      return undefined;
    },
    onBadLine: options.onBadLine,
    lineBytesMax: options.lineBytesMax,
  });
}
