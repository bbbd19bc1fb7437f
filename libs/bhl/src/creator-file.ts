import type { ByteSource } from './gunzip.ts';
import { type BadLine, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

/** One row of creator.txt: somebody who made a title. */
export interface CreatorFileRow {
  titleId: number;
  name: string;
}

export interface CreatorFileOptions {
  file: string;
  onCreator: (creator: CreatorFileRow, line: number) => void;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads creator.txt or creator.txt.gz (see readTabFile); TitleID and CreatorName must be in the header.
 * @throws AppError invalid_argument naming file and line.
 */
export function readCreatorFile(source: ByteSource, options: CreatorFileOptions): AsyncGenerator<ReadProgress> {
  let titleColumn = -1;
  let nameColumn = -1;
  return readTabFile(source, {
    ...options,
    required: ['TitleID', 'CreatorName'],
    rowOf: (header) => {
      titleColumn = header.indexOf('TitleID');
      nameColumn = header.indexOf('CreatorName');
      return new TabRow(header);
    },
    onRow: (row) => {
      const titleId = row.int(titleColumn);
      if (titleId < 0) return titleId === -2 ? 'id_out_of_range' : 'id_not_numeric';
      const name = row.text(nameColumn).trim();
      if (name !== '') options.onCreator({ titleId, name }, row.line);
      return undefined;
    },
  });
}
