import type { ByteSource } from './gunzip.ts';
import { type BadLine, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

export interface PageNameFileOptions {
  file: string;
  /** Rows of other pages are passed over unread: the file has about eight names for each page of the library. */
  wants: (pageId: number) => boolean;
  onName: (found: { pageId: number; name: string }) => void;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads pagename.txt or pagename.txt.gz (see readTabFile): scientific names found on pages. PageID and NameConfirmed must
 * be in the header; a row without a name gives none.
 * @throws AppError invalid_argument naming file and line.
 */
export function readPageNameFile(source: ByteSource, options: PageNameFileOptions): AsyncGenerator<ReadProgress> {
  let pageColumn = -1;
  let nameColumn = -1;
  return readTabFile(source, {
    ...options,
    required: ['PageID', 'NameConfirmed'],
    rowOf: (header) => {
      pageColumn = header.indexOf('PageID');
      nameColumn = header.indexOf('NameConfirmed');
      return new TabRow(header);
    },
    onRow: (row) => {
      const pageId = row.int(pageColumn);
      if (pageId < 0) return pageId === -2 ? 'id_out_of_range' : 'id_not_numeric';
      if (!options.wants(pageId)) return undefined;
      const name = row.text(nameColumn).trim();
      if (name !== '') options.onName({ pageId, name });
      return undefined;
    },
  });
}
