import type { ByteSource } from './gunzip.ts';
import { type BadLine, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

/** One row of part.txt: an article or chapter. Absent text is ''. */
export interface PartFileRow {
  partId: number;
  title: string;
  containerTitle: string;
  date: string;
  pageRange: string;
  rightsStatus: string;
  rightsStatement: string;
  licenseName: string;
  licenseUrl: string;
  rightsHolder: string;
}

interface ReadOptions {
  file: string;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads part.txt or part.txt.gz (see readTabFile); PartID and Title must be in the header. Rows of parts that `wants`
 * refuses are passed over unread.
 * @throws AppError invalid_argument naming file and line.
 */
export function readPartFile(
  source: ByteSource,
  options: ReadOptions & { wants: (partId: number) => boolean; onPart: (part: PartFileRow, line: number) => void },
): AsyncGenerator<ReadProgress> {
  let column: (name: string) => number;
  return readTabFile(source, {
    ...options,
    required: ['PartID', 'Title'],
    rowOf: (header) => {
      column = (name) => header.indexOf(name);
      return new TabRow(header);
    },
    onRow: (row) => {
      const partId = row.int(column('PartID'));
      if (partId < 0) return partId === -2 ? 'id_out_of_range' : 'id_not_numeric';
      if (!options.wants(partId)) return undefined;
      const text = (name: string) => row.text(column(name));
      const part = {
        partId,
        title: text('Title'),
        containerTitle: text('ContainerTitle'),
        date: text('Date'),
        pageRange: text('PageRange'),
        rightsStatus: text('RightsStatus'),
        rightsStatement: text('RightsStatement'),
        licenseName: text('LicenseName'),
        licenseUrl: text('LicenseUrl'),
        rightsHolder: text('RightsHolder'),
      };
      options.onPart(part, row.line);
      return undefined;
    },
  });
}

/**
 * Reads partpage.txt or partpage.txt.gz (see readTabFile): which pages a part has. PartID and PageID must be in the header.
 * @throws AppError invalid_argument naming file and line.
 */
export function readPartPageFile(
  source: ByteSource,
  options: ReadOptions & { onPartPage: (partPage: { partId: number; pageId: number }) => void },
): AsyncGenerator<ReadProgress> {
  let partColumn = -1;
  let pageColumn = -1;
  return readTabFile(source, {
    ...options,
    required: ['PartID', 'PageID'],
    rowOf: (header) => {
      partColumn = header.indexOf('PartID');
      pageColumn = header.indexOf('PageID');
      return new TabRow(header);
    },
    onRow: (row) => {
      const partId = row.int(partColumn);
      const pageId = row.int(pageColumn);
      if (partId === -2 || pageId === -2) return 'id_out_of_range';
      if (partId < 0 || pageId < 0) return 'id_not_numeric';
      options.onPartPage({ partId, pageId });
      return undefined;
    },
  });
}
