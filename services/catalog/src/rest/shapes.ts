import { Type } from 'typebox';
import { type Reuse, reuseClasses } from '../domain/reuse.ts';

/** Shapes of requests and replies that several routes share. */
export const pageId = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, description: "BHL's PageID" });
const hex = '[0-9a-fA-F]';
export const uuid = Type.String({ pattern: `^${hex}{8}(-${hex}{4}){3}-${hex}{12}$`, description: 'A UUID' });
export const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100 });
export const moment = Type.Union([Type.String({ format: 'date-time' }), Type.Null()]);

export const importParams = Type.Object({ id: uuid });
export const importShape = Type.Object({
  id: uuid,
  source: Type.String(),
  withNames: Type.Boolean(),
  state: Type.Union([
    Type.Literal('pending'),
    Type.Literal('running'),
    Type.Literal('done'),
    Type.Literal('failed'),
    Type.Literal('cancelled'),
  ]),
  doneCount: Type.Integer({ description: 'Bytes read of the stored files' }),
  totalCount: Type.Integer({ description: 'Bytes of the stored files; 0 while not known' }),
  reason: Type.Union([Type.String(), Type.Null()]),
  phase: Type.String({ description: 'titles, pages, stories or merging; empty before the first file is opened' }),
  bytesPerSecond: Type.Number({ description: 'Of the stored files, the mean so far; 0 while not known' }),
  rowsPerSecond: Type.Number({ description: 'Of the page file, the mean so far; 0 while not known' }),
  secondsLeft: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Until the files are read; null while not known. The merge that follows is not in it',
  }),
  rowCount: Type.Integer(),
  pageCount: Type.Integer(),
  keptPageCount: Type.Integer(),
  badLineCount: Type.Integer(),
  newPageCount: Type.Integer({ description: 'Pages kept for their rows that were not before' }),
  changedPageCount: Type.Integer({ description: 'Pages kept for their rows that read otherwise' }),
  vanishedPageCount: Type.Integer({
    description: 'Pages that are no longer in the export, or have no such row any more',
  }),
  candidateCounts: Type.Record(Type.String(), Type.Integer()),
  typeCounts: Type.Record(Type.String(), Type.Integer(), { description: 'Rows by page type' }),
  outsideTypeCounts: Type.Record(Type.String(), Type.Integer(), {
    description: 'Rows by page type of the pages that no rule keeps, of which the reservoir is a draw',
  }),
  createdAt: moment,
  startedAt: moment,
  endedAt: moment,
});

export const pageRef = Type.Object({
  pageId: Type.Integer(),
  itemId: Type.Integer(),
  titleId: Type.Integer(),
  barCode: Type.String(),
  sequence: Type.Integer(),
});

export const pageRow = Type.Object({ prefix: Type.String(), number: Type.String(), typeName: Type.String() });

export const reuse = Type.Unsafe<Reuse>({ type: 'string', enum: [...reuseClasses] });

export const pageSetShape = Type.Object({
  id: uuid,
  name: Type.String(),
  rule: Type.String(),
  seed: Type.Integer(),
  countMax: Type.Integer(),
  shareMax: Type.Number(),
  wholeItems: Type.Boolean(),
  excludePageSetIds: Type.Array(uuid),
  withinPageSetId: Type.String(),
  stratifyBy: Type.String(),
  allocation: Type.String(),
  pageCount: Type.Integer(),
  itemCount: Type.Integer(),
  createdAt: moment,
});
