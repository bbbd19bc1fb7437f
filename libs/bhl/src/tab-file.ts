import { invalidArgument } from '@florilegium/errors';
import { type ByteSource, inflateIfGzip } from './gunzip.ts';
import { lowBytes, searchBytesMax } from './low-bytes.ts';

/** Why a line was left out; the line itself never stops the rest of the file. */
export type BadLineReason =
  | 'id_not_numeric'
  | 'id_out_of_range'
  | 'too_few_columns'
  | 'line_too_long'
  /** Of one page: more than a reader holds. */
  | 'too_many_rows';

export interface BadLine {
  /** Counted from 1; the header is line 1. */
  line: number;
  reason: BadLineReason;
}

export interface ReadProgress {
  /** Inflated bytes read. */
  bytes: number;
  /** Lines read, the header included. */
  lines: number;
  /** Lines that gave a row. */
  rows: number;
  badLines: number;
}

const tab = 9;
const lineFeed = 10;
const carriageReturn = 13;
const lineEndBytes = 2;
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

/** BHL's longest known line is a few hundred bytes; a mebibyte bounds the memory, not the data. */
export const lineBytesMaxDefault = 1024 * 1024;

/**
 * One line of a tab-separated file, as a view on the read buffer. The same object is filled again for each line:
 * it is valid only during the callback.
 */
export class TabRow {
  buffer: Buffer = Buffer.alloc(0);
  /** Offset of the line's first byte in `buffer`. */
  start = 0;
  /** Offset after the line's last byte, without CR and LF. */
  end = 0;
  line = 0;
  /** `ends[i]` is the offset after the last byte of file column i. */
  readonly ends: Int32Array;
  /** The header's column names in the order of the file. */
  readonly header: readonly string[];

  constructor(header: readonly string[]) {
    this.header = header;
    this.ends = new Int32Array(header.length);
  }

  /** Puts the view on a line that was seen before; its buffer must not have been written to since. */
  moveTo(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    let column = 0;
    for (let at = start; at < end && column < this.ends.length; at++) if (buffer[at] === tab) this.ends[column++] = at;
    for (; column < this.ends.length; column++) this.ends[column] = end;
  }

  startOf(column: number): number {
    return column === 0 ? this.start : this.ends[column - 1]! + 1;
  }

  /** The column's text; '' for a column the file lacks (-1) or the line does not reach. */
  text(column: number): string {
    if (column < 0) return '';
    const from = this.startOf(column);
    const to = this.ends[column]!;
    return from < to ? decode(this.buffer, from, to) : '';
  }

  /** The column's value as a non-negative int32; -1 where it is empty, not digits, or absent; -2 above int32. */
  int(column: number): number {
    if (column < 0) return -1;
    const to = this.ends[column]!;
    let from = this.startOf(column);
    if (from >= to) return -1;
    const isShort = to - from < 10;
    let value = 0;
    for (; from < to; from++) {
      const digit = this.buffer[from]! - 48;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
      // Digits beyond the range are still checked to be digits, without the value running to infinity.
      if (!isShort && value > int32Max) value = int32Max + 1;
    }
    return value > int32Max ? -2 : value;
  }
}

const int32Max = 2 ** 31 - 1;

/** UTF-8 text; invalid bytes and NUL (which PostgreSQL cannot hold) become U+FFFD. */
export function decode(buffer: Buffer, from: number, to: number): string {
  const text = buffer.toString('utf8', from, to);
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

export interface TabFileOptions<Row extends TabRow> {
  /** The name that messages give the file. */
  file: string;
  /** Columns that every line must reach; a header without one of them is refused. */
  required: readonly string[];
  /** Builds the row view once the header is known. */
  rowOf: (header: readonly string[]) => Row;
  /** Called for each line; a reason returned makes it a bad line. */
  onRow: (row: Row) => BadLineReason | undefined;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads a tab-separated file of BHL's export: plain or gzip, with or without byte order mark, LF or CRLF, columns found
 * by their header names, no quoting (BHL writes none). Memory is bounded by `lineBytesMax` and the source's blocks.
 *
 * Yields after each block, so that a consumer can wait for what `onRow` has gathered to be written.
 * @throws AppError invalid_argument naming file and line for a damaged gzip file or a header without a required column.
 */
export async function* readTabFile<Row extends TabRow>(
  source: ByteSource,
  options: TabFileOptions<Row>,
): AsyncGenerator<ReadProgress> {
  const scanner = new TabFileScanner(options);
  for await (const block of inflateIfGzip(source, options.file, () => scanner.progress.lines)) {
    scanner.push(block);
    yield scanner.progress;
  }
  scanner.finish();
  yield scanner.progress;
}

class TabFileScanner<Row extends TabRow> {
  readonly progress: ReadProgress = { bytes: 0, lines: 0, rows: 0, badLines: 0 };
  private readonly options: TabFileOptions<Row>;
  private readonly lineBytesMax: number;
  private row: Row | undefined;
  /** A line must have at least this many columns: up to the last required one. */
  private columnsMin = 0;
  private carry: Buffer[] = [];
  private carryBytes = 0;

  constructor(options: TabFileOptions<Row>) {
    this.options = options;
    this.lineBytesMax = options.lineBytesMax ?? lineBytesMaxDefault;
  }

  push(block: Buffer): void {
    this.progress.bytes += block.length;
    let from = 0;
    if (this.carryBytes > 0) {
      const end = block.indexOf(lineFeed);
      if (end < 0) {
        this.keep(block);
        return;
      }
      this.keep(block.subarray(0, end + 1));
      this.scanCarry();
      from = end + 1;
    }
    const rest = this.scan(block, from, block.length);
    if (rest < block.length) this.keep(block.subarray(rest));
  }

  finish(): void {
    if (this.carryBytes > 0) {
      this.keep(Buffer.from([lineFeed]));
      this.scanCarry();
    }
    if (!this.row)
      throw invalidArgument(`${this.options.file}: the file is empty`, { details: { file: this.options.file } });
  }

  /** Holds a line's beginning until its end arrives; of a line over the limit only the length is held. */
  private keep(part: Buffer): void {
    if (this.carryBytes <= this.lineBytesMax + lineEndBytes) this.carry.push(Buffer.from(part));
    else this.carry = [];
    this.carryBytes += part.length;
  }

  private scanCarry(): void {
    const tooLong = this.carryBytes > this.lineBytesMax + lineEndBytes;
    const line = tooLong ? undefined : Buffer.concat(this.carry);
    this.carry = [];
    this.carryBytes = 0;
    if (line) this.scan(line, 0, line.length);
    else this.longLine();
  }

  private longLine(): void {
    if (!this.row) {
      throw invalidArgument(`${this.options.file}: line 1: the header is longer than ${this.lineBytesMax} bytes`, {
        details: { file: this.options.file, line: 1 },
      });
    }
    this.progress.lines++;
    this.bad('line_too_long');
  }

  /** Handles each whole line in [from, to) and returns where the unfinished one begins. */
  private scan(buffer: Buffer, from: number, to: number): number {
    let start = from;
    if (!this.row) {
      const end = buffer.indexOf(lineFeed, from);
      if (end < 0) return from;
      this.readHeader(buffer.subarray(from, end));
      start = end + 1;
    }
    const row = this.row!;
    const { ends } = row;
    const width = ends.length;
    row.buffer = buffer;
    const low = lowBytes();
    const { places } = low;
    let column = 0;
    for (let base = start; base < to; base += searchBytesMax) {
      const count = low.search(buffer, base, Math.min(base + searchBytesMax, to));
      // The hot loop of the whole import.
      for (let index = 0; index < count; index++) {
        const at = base + places[index]!;
        const byte = buffer[at]!;
        if (byte === tab) {
          if (column < width) ends[column] = at;
          column++;
        } else if (byte === lineFeed) {
          const end = at > start && buffer[at - 1] === carriageReturn ? at - 1 : at;
          if (column < width) ends[column] = end;
          row.start = start;
          row.end = end;
          this.finishLine(row, column + 1);
          start = at + 1;
          column = 0;
        }
      }
    }
    return start;
  }

  private finishLine(row: Row, columns: number): void {
    row.line = ++this.progress.lines;
    if (row.end - row.start > this.lineBytesMax) {
      this.bad('line_too_long');
      return;
    }
    if (columns < this.columnsMin) {
      this.bad('too_few_columns');
      return;
    }
    // Optional columns that this line does not reach are empty.
    for (let column = columns; column < row.ends.length; column++) row.ends[column] = row.end;
    const reason = this.options.onRow(row);
    if (reason) this.bad(reason);
    else this.progress.rows++;
  }

  private bad(reason: BadLineReason): void {
    this.progress.badLines++;
    this.options.onBadLine?.({ line: this.progress.lines, reason });
  }

  private readHeader(line: Buffer): void {
    const text = line.subarray(line.subarray(0, 3).equals(byteOrderMark) ? 3 : 0).toString('utf8');
    const header = text.split('\t').map((name) => name.trim());
    this.progress.lines = 1;
    for (const name of this.options.required) {
      const column = header.indexOf(name);
      if (column < 0) {
        const message = `${this.options.file}: line 1: the header has no column ${name}`;
        throw invalidArgument(message, { field: name, details: { file: this.options.file, line: 1 } });
      }
      this.columnsMin = Math.max(this.columnsMin, column + 1);
    }
    this.row = this.options.rowOf(header);
  }
}
