import type { ByteSource } from './gunzip.ts';
import { type BadLine, type BadLineReason, decode, type ReadProgress, readTabFile, TabRow } from './tab-file.ts';

/** One row of page.txt in words: a page has one row for each of its (type, number) pairs. */
export interface PageFileRow {
  pageId: number;
  /** -1 where the file gives no numeric ItemID. */
  itemId: number;
  /** The page's place in its item, from 1; -1 where the file gives no number. */
  sequence: number;
  year: string;
  volume: string;
  issue: string;
  prefix: string;
  number: string;
  typeName: string;
}

/** A row as it passes: numbers read, text read on demand. Valid only during the callback (see TabRow). */
export class PageRow<Kind> extends TabRow {
  pageId = -1;
  itemId = -1;
  sequence = -1;
  /** What `kindOf` said about this row's prefix and type. */
  kind: Kind;
  /** Where the file has its columns, for reading their bytes; -1 for one that it lacks. */
  readonly columns: Readonly<PageColumns>;
  private readonly kinds: RowKinds<Kind>;

  constructor(header: readonly string[], kinds: RowKinds<Kind>) {
    super(header);
    this.columns = pageColumnsOf(header);
    this.kinds = kinds;
    this.kind = kinds.make('', '');
  }

  /** Reads the numbers and the kind of the line under the view. */
  read(): BadLineReason | undefined {
    const { columns } = this;
    this.pageId = this.int(columns.pageId);
    if (this.pageId < 0) return this.pageId === -2 ? 'id_out_of_range' : 'id_not_numeric';
    this.itemId = Math.max(-1, this.int(columns.itemId));
    this.sequence = Math.max(-1, this.int(columns.sequence));
    this.kind = this.kinds.find(
      this.buffer,
      this.startOf(columns.prefix),
      this.ends[columns.prefix]!,
      this.startOf(columns.typeName),
      this.ends[columns.typeName]!,
    );
    return undefined;
  }

  /** Another view on the same file, for looking back at lines while this one moves on. */
  twin(): PageRow<Kind> {
    return new PageRow(this.header, this.kinds);
  }

  fields(): PageFileRow {
    const { columns } = this;
    return {
      pageId: this.pageId,
      itemId: this.itemId,
      sequence: this.sequence,
      year: this.text(columns.year),
      volume: this.text(columns.volume),
      issue: this.text(columns.issue),
      prefix: this.text(columns.prefix),
      number: this.text(columns.number),
      typeName: this.text(columns.typeName),
    };
  }
}

export interface PageFileOptions<Kind> {
  /** The name that messages give the file. */
  file: string;
  /** Judges a (prefix, type) pair; called once for each distinct pair, its answer is `row.kind` for all rows with that pair. */
  kindOf: (prefix: string, typeName: string) => Kind;
  /** Takes a row; a reason returned makes it a bad line. */
  onRow: (row: PageRow<Kind>) => BadLineReason | undefined | void;
  onBadLine?: (bad: BadLine) => void;
  lineBytesMax?: number;
}

/**
 * Reads page.txt or page.txt.gz (see readTabFile). PageID, PagePrefix and PageTypeName must be in the header; a line that
 * does not reach them or has no numeric PageID is a bad line. Rows of one page need not be adjacent here.
 * @throws AppError invalid_argument naming file and line.
 */
export function readPageFile<Kind>(source: ByteSource, options: PageFileOptions<Kind>): AsyncGenerator<ReadProgress> {
  const kinds = new RowKinds(options.kindOf);
  return readTabFile(source, {
    file: options.file,
    required: ['PageID', 'PagePrefix', 'PageTypeName'],
    rowOf: (header) => new PageRow(header, kinds),
    onRow: (row) => row.read() ?? (options.onRow(row) || undefined),
    onBadLine: options.onBadLine,
    lineBytesMax: options.lineBytesMax,
  });
}

export interface PageColumns {
  pageId: number;
  itemId: number;
  sequence: number;
  year: number;
  volume: number;
  issue: number;
  prefix: number;
  number: number;
  typeName: number;
}

function pageColumnsOf(header: readonly string[]): PageColumns {
  return {
    pageId: header.indexOf('PageID'),
    itemId: header.indexOf('ItemID'),
    sequence: header.indexOf('SequenceOrder'),
    year: header.indexOf('Year'),
    volume: header.indexOf('Volume'),
    issue: header.indexOf('Issue'),
    prefix: header.indexOf('PagePrefix'),
    number: header.indexOf('PageNumber'),
    typeName: header.indexOf('PageTypeName'),
  };
}

const kindSlots = 1 << 15;
const kindsMax = kindSlots / 2;

/**
 * Remembers what was said about each (prefix, type) pair by its bytes, so that the text of a common pair such as
 * Page/Text is decoded and judged once and not 60 million times. Bounded: when half full it starts anew.
 */
class RowKinds<Kind> {
  readonly make: (prefix: string, typeName: string) => Kind;
  private keys: (Buffer | undefined)[] = new Array(kindSlots);
  private prefixLengths = new Int32Array(kindSlots);
  private kinds: Kind[] = new Array(kindSlots);
  private count = 0;

  constructor(make: (prefix: string, typeName: string) => Kind) {
    this.make = make;
  }

  find(buffer: Buffer, prefixFrom: number, prefixTo: number, typeFrom: number, typeTo: number): Kind {
    let hash = 0x811c9dc5;
    for (let at = prefixFrom; at < prefixTo; at++) hash = Math.imul(hash ^ buffer[at]!, 0x01000193);
    hash = Math.imul(hash ^ 9, 0x01000193);
    for (let at = typeFrom; at < typeTo; at++) hash = Math.imul(hash ^ buffer[at]!, 0x01000193);
    const prefixLength = prefixTo - prefixFrom;
    const length = prefixLength + typeTo - typeFrom;
    let slot = (hash ^ (hash >>> 15)) & (kindSlots - 1);
    for (let key = this.keys[slot]; key !== undefined; key = this.keys[slot]) {
      if (
        key.length === length &&
        this.prefixLengths[slot] === prefixLength &&
        sameBytes(key, 0, buffer, prefixFrom, prefixTo) &&
        sameBytes(key, prefixLength, buffer, typeFrom, typeTo)
      ) {
        return this.kinds[slot]!;
      }
      slot = (slot + 1) & (kindSlots - 1);
    }
    const kind = this.make(decode(buffer, prefixFrom, prefixTo), decode(buffer, typeFrom, typeTo));
    if (this.count >= kindsMax) {
      this.keys = new Array(kindSlots);
      this.count = 0;
    }
    // A pair longer than this is rare and not worth holding; it is judged each time.
    if (length > 256) return kind;
    while (this.keys[slot] !== undefined) slot = (slot + 1) & (kindSlots - 1);
    this.keys[slot] = Buffer.concat([buffer.subarray(prefixFrom, prefixTo), buffer.subarray(typeFrom, typeTo)]);
    this.prefixLengths[slot] = prefixLength;
    this.kinds[slot] = kind;
    this.count++;
    return kind;
  }
}

function sameBytes(key: Buffer, keyFrom: number, buffer: Buffer, from: number, to: number): boolean {
  for (let at = from, keyAt = keyFrom; at < to; at++, keyAt++) if (key[keyAt] !== buffer[at]) return false;
  return true;
}
