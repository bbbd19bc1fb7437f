import { once } from 'node:events';
import type { PassThrough } from 'node:stream';
import { CopyRows } from '@florilegium/db';
import type { GatheredPage } from '../domain/gather-pages.ts';

type Row = ReturnType<GatheredPage['row']>;

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;

/** Of the table of pages, in the order in which they are written. */
export const pageColumns =
  'page_id, item_id, sequence, year, volume, issue, rows, neighbour_ids, neighbour_sequences, kept_as';
const chunkBytesMin = 64 * 1024;

/** Hands over page after page, and stops now and then so that they can be written. */
export type ReadPages = (take: (page: GatheredPage) => void) => AsyncIterable<void>;

/**
 * The pages in COPY's binary form; their candidates (rule_id, page_id) go into the other stream meanwhile, which ends with them,
 * or with the error that broke them off.
 */
export async function* copyPages(
  read: ReadPages,
  ruleIds: readonly number[],
  candidates: PassThrough,
): AsyncGenerator<Buffer> {
  const pageRows = new CopyRows();
  const candidateRows = new CopyRows();
  const write = async (chunk: Buffer) => {
    if (candidates.destroyed) throw candidates.errored ?? new Error('the copy of candidates broke off');
    if (!candidates.write(chunk)) await once(candidates, 'drain');
  };
  try {
    const blocks = read((page) => {
      writePage(pageRows, page);
      for (let rule = 0; rule < ruleIds.length; rule++) {
        if ((page.rules & (1 << rule)) === 0) continue;
        candidateRows.beginRow(2);
        candidateRows.int2(ruleIds[rule]!);
        candidateRows.int4(page.pageId);
      }
    });
    for await (const _ of blocks) {
      if (candidateRows.length >= chunkBytesMin) await write(candidateRows.take());
      if (pageRows.length >= chunkBytesMin) yield pageRows.take();
    }
    await write(candidateRows.finish());
    candidates.end();
    yield pageRows.finish();
  } catch (error) {
    candidates.destroy(error as Error);
    throw error;
  } finally {
    if (!candidates.writableEnded) candidates.destroy(new Error('the copy of pages broke off'));
  }
}

function writePage(copy: CopyRows, page: GatheredPage): void {
  copy.beginRow(10);
  copy.int4(page.pageId);
  writeInt(copy, page.itemId);
  writeInt(copy, page.sequence);
  // A page's year, volume and issue are those of its first row.
  const first = page.row(0);
  for (const column of [first.columns.year, first.columns.volume, first.columns.issue]) {
    const from = copy.beginField();
    if (isPlain(first, column)) writeBytes(copy, first, column);
    else copy.utf8(first.text(column));
    copy.endField(from);
  }
  const from = copy.beginJsonb();
  copy.byte(openBracket);
  for (let at = 0; at < page.rowCount; at++) {
    const row = page.row(at);
    const { prefix, number, typeName } = row.columns;
    if (at > 0) copy.byte(comma);
    copy.byte(openBracket);
    writeJson(copy, row, prefix);
    copy.byte(comma);
    writeJson(copy, row, number);
    copy.byte(comma);
    writeJson(copy, row, typeName);
    copy.byte(closeBracket);
  }
  copy.byte(closeBracket);
  copy.endField(from);
  copy.int4Array(page.neighbourIds, page.neighbourCount);
  copy.int4Array(page.neighbourSequences, page.neighbourCount);
  copy.text(page.keptAs);
}

function writeInt(copy: CopyRows, value: number): void {
  if (value < 0) copy.nothing();
  else copy.int4(value);
}

/** Whether the column's bytes are the same in UTF-8, in JSON and in our tables; nearly all are. */
function isPlain(row: Row, column: number): boolean {
  if (column < 0) return true;
  const { buffer } = row;
  const to = row.ends[column]!;
  for (let at = row.startOf(column); at < to; at++) {
    const byte = buffer[at]!;
    if (byte < 0x20 || byte > 0x7e || byte === quote || byte === backslash) return false;
  }
  return true;
}

function writeBytes(copy: CopyRows, row: Row, column: number): void {
  if (column >= 0) copy.bytes(row.buffer, row.startOf(column), row.ends[column]!);
}

function writeJson(copy: CopyRows, row: Row, column: number): void {
  if (!isPlain(row, column)) {
    copy.utf8(JSON.stringify(row.text(column)));
    return;
  }
  copy.byte(quote);
  writeBytes(copy, row, column);
  copy.byte(quote);
}
