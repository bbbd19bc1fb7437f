import type { ByteSource } from './gunzip.ts';
import { type BadLine, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

/** One row of title.txt. Absent text is ''. */
export interface TitleFileRow {
  titleId: number;
  fullTitle: string;
  shortTitle: string;
  publicationDetails: string;
  startYear: string;
  endYear: string;
  languageCode: string;
  author: string;
  titleUrl: string;
}

export interface TitleFileOptions {
  file: string;
  onTitle: (title: TitleFileRow, line: number) => void;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads title.txt or title.txt.gz (see readTabFile); TitleID and FullTitle must be in the header.
 * @throws AppError invalid_argument naming file and line.
 */
export function readTitleFile(source: ByteSource, options: TitleFileOptions): AsyncGenerator<ReadProgress> {
  let column: (name: string) => number;
  return readTabFile(source, {
    file: options.file,
    required: ['TitleID', 'FullTitle'],
    rowOf: (header) => {
      column = (name) => header.indexOf(name);
      return new TabRow(header);
    },
    onRow: (row) => {
      const titleId = row.int(column('TitleID'));
      if (titleId < 0) return titleId === -2 ? 'id_out_of_range' : 'id_not_numeric';
      const title = {
        titleId,
        fullTitle: row.text(column('FullTitle')),
        shortTitle: row.text(column('ShortTitle')),
        publicationDetails: row.text(column('PublicationDetails')),
        startYear: row.text(column('StartYear')),
        endYear: row.text(column('EndYear')),
        languageCode: row.text(column('LanguageCode')),
        author: row.text(column('TL2Author')),
        titleUrl: row.text(column('TitleURL')),
      };
      options.onTitle(title, row.line);
      return undefined;
    },
    onBadLine: options.onBadLine,
    lineBytesMax: options.lineBytesMax,
  });
}
