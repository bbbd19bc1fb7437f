import { type BadLineReason, type CompiledRule, type DrawOf, PageIdSet, type PageRow } from '@florilegium/bhl';

/** The page's neighbours on either side that are kept with it. */
const neighboursEachSide = 2;

/**
 * A page to be kept, as a view on the blocks that were read: valid only while it is being told. For millions of pages,
 * making objects and texts of them would cost as much time as reading the file.
 */
export class GatheredPage {
  pageId = -1;
  /** -1 where the export does not say; so is the sequence. */
  itemId = -1;
  sequence = -1;
  keptAs: 'rule' | 'reservoir' = 'rule';
  /** A bit for each rule that selects the page, in the order of the rules. */
  rules = 0;
  /** The two pages on either side of it in its item, in the order of the item. */
  neighbourCount = 0;
  readonly neighbourIds = new Int32Array(2 * neighboursEachSide);
  readonly neighbourSequences = new Int32Array(2 * neighboursEachSide);
  rowCount = 0;
  private readonly look: PageRow<RowKind>;
  private readonly buffers: Buffer[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  constructor(look: PageRow<RowKind>) {
    this.look = look;
  }

  /** Its rows in the order of the file; the same object for each of them. */
  row(at: number): PageRow<RowKind> {
    this.look.moveTo(this.buffers[at]!, this.starts[at]!, this.ends[at]!);
    return this.look;
  }

  clear(): void {
    this.rowCount = 0;
    this.neighbourCount = 0;
  }

  addRow(buffer: Buffer, start: number, end: number): void {
    const at = this.rowCount++;
    this.buffers[at] = buffer;
    this.starts[at] = start;
    this.ends[at] = end;
  }

  addNeighbour(pageId: number, sequence: number): void {
    const at = this.neighbourCount++;
    this.neighbourIds[at] = pageId;
    this.neighbourSequences[at] = sequence;
  }

  /**
   * The page as one text, for a reservoir that may yet drop it: its numbers, then its lines, a character for each byte. Of the
   * hundred thousands that are drawn and dropped again, objects would fill the heap with what nobody collects for a while.
   */
  held(): string {
    const facts = [this.itemId, this.sequence];
    for (let at = 0; at < this.neighbourCount; at++) facts.push(this.neighbourIds[at]!, this.neighbourSequences[at]!);
    const parts = [facts.join(' ')];
    for (let at = 0; at < this.rowCount; at++) {
      parts.push(this.buffers[at]!.toString('latin1', this.starts[at]!, this.ends[at]!));
    }
    return parts.join('\n');
  }

  show(pageId: number, held: string): void {
    this.clear();
    const [facts, ...lines] = held.split('\n');
    const [itemId, sequence, ...neighbours] = facts!.split(' ').map(Number);
    this.pageId = pageId;
    this.itemId = itemId!;
    this.sequence = sequence!;
    for (let at = 0; at < neighbours.length; at += 2) this.addNeighbour(neighbours[at]!, neighbours[at + 1]!);
    for (const line of lines) this.addRow(Buffer.from(line, 'latin1'), 0, line.length);
  }
}

export type OnPage = (page: GatheredPage) => void;

/** What is known of all rows with the same prefix and type. */
export interface RowKind {
  /** One bit for each rule that the row matches, in the order of the rules. */
  matches: number;
  type: TypeCount;
}

interface TypeCount {
  rowCount: number;
  /** Of these, rows of pages that are kept for their rows. */
  keptRowCount: number;
}

/** The rows of a page or of an item do not stand together in the file. */
export class OutOfOrder extends Error {}

/** An item with more is cut for the sake of memory; pages at the cut have fewer neighbours. BHL's largest items have some thousand rows. */
const itemRowsMax = 200_000;
/** Of the blocks that hold rows of it; BHL's largest items have less than one. */
const itemMiBMax = 32;
/** More rows of a page are bad lines: BHL's have a few, a damaged file may repeat one PageID for ever. */
const pageRowsMax = 1000;
const pageMiBMax = 16;
const mebibyte = 2 ** 20;
const typeNamesMax = 500;

/**
 * The pages of one item and their rows, in the order of the file, as columns of numbers: an item is forgotten as soon as it
 * is read, and objects for each of its rows would keep the garbage collector busy for a third of the time.
 */
class ItemRun {
  itemId = -1;
  pageCount = 0;
  rowCount = 0;
  pageIds = new Int32Array(1024);
  sequences = new Int32Array(1024);
  /** Rules that at least one of the page's rows matches, and those that every row does: a bit for each. */
  some = new Int32Array(1024);
  every = new Int32Array(1024);
  /** The page's first row; the next page's first row is its end. */
  firstRows = new Int32Array(1025);
  starts = new Int32Array(2048);
  ends = new Int32Array(2048);
  /** The block that each row stands in. */
  blockOf = new Int32Array(2048);
  blocks: Buffer[] = [];
  /** Of these blocks, and of those from the last page on. */
  blockBytes = 0;
  pageBytes = 0;

  clear(): void {
    this.blockBytes = 0;
    this.itemId = -1;
    this.pageCount = 0;
    this.rowCount = 0;
    this.blocks = [];
  }

  addRow(row: PageRow<RowKind>): void {
    if (this.rowCount === this.starts.length) this.growRows();
    const at = this.rowCount++;
    if (this.blocks[this.blocks.length - 1] !== row.buffer) {
      this.blocks.push(row.buffer);
      this.blockBytes += row.buffer.length;
      this.pageBytes += row.buffer.length;
    }
    this.blockOf[at] = this.blocks.length - 1;
    this.starts[at] = row.start;
    this.ends[at] = row.end;
    const page = this.pageCount - 1;
    this.some[page]! |= row.kind.matches;
    this.every[page]! &= row.kind.matches;
    this.firstRows[this.pageCount] = this.rowCount;
  }

  addPage(row: PageRow<RowKind>): void {
    if (this.pageCount === this.pageIds.length) this.growPages();
    const at = this.pageCount++;
    this.itemId = row.itemId;
    this.pageIds[at] = row.pageId;
    this.sequences[at] = row.sequence;
    this.some[at] = 0;
    this.every[at] = -1;
    this.firstRows[at] = this.rowCount;
    this.pageBytes = 0;
    this.addRow(row);
  }

  get isLong(): boolean {
    return this.rowCount >= itemRowsMax || this.blockBytes >= itemMiBMax * mebibyte;
  }

  /** Whether the last page may have no more rows. */
  get isPageFull(): boolean {
    return (
      this.rowCount - this.firstRows[this.pageCount - 1]! >= pageRowsMax || this.pageBytes >= pageMiBMax * mebibyte
    );
  }

  private growRows(): void {
    for (const column of ['starts', 'ends', 'blockOf'] as const) this[column] = twiceAsLong(this[column]);
  }

  private growPages(): void {
    for (const column of ['pageIds', 'sequences', 'some', 'every', 'firstRows'] as const) {
      this[column] = twiceAsLong(this[column]);
    }
  }
}

function twiceAsLong(column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(column.length * 2);
  longer.set(column);
  return longer;
}

/**
 * Finds what to keep of a page file in one pass over rows that come page by page and item by item, as BHL's export has
 * them. A page or item that comes a second time is noticed (`OutOfOrder`); the caller then sorts the file and begins anew,
 * so that the result never depends on the order of the file. Held at once: the rows of one item, and a bit for each PageID.
 */
export class PageGatherer {
  pageCount = 0;
  /** Pages kept for their rows, and how many of them each rule selects. */
  keptPageCount = 0;
  readonly candidateCounts: Record<string, number> = {};
  private readonly rules: readonly CompiledRule[];
  private readonly reservoir: DrawOf;
  private readonly types = new Map<string, TypeCount>();
  private readonly pagesSeen = new PageIdSet();
  private readonly itemsSeen = new PageIdSet();
  private readonly drawn = new Map<number, string>();
  private page: GatheredPage | undefined;
  private readonly run = new ItemRun();
  /** The item that was cut last: more of its rows are no surprise. */
  private cutItemId = -1;

  /** @param rules a page with a row that one of them matches is kept; at most 31, a bit of a number for each */
  constructor(rules: readonly CompiledRule[], reservoir: DrawOf) {
    this.rules = rules;
    for (const { rule } of rules) this.candidateCounts[rule.name] = 0;
    this.reservoir = reservoir;
  }

  /** Of the file: the blocks in which the rows of the item stand that is being read. */
  get heldBytes(): number {
    return this.run.blockBytes;
  }

  kindOf(prefix: string, typeName: string): RowKind {
    const row = { prefix, typeName };
    let matches = 0;
    this.rules.forEach((rule, index) => {
      if (rule.judgeRow(row).matches) matches |= 1 << index;
    });
    return { matches, type: this.typeOf(typeName) };
  }

  /** Takes the next row, or says why not; tells of the pages of the item before it when the row begins another. */
  add(row: PageRow<RowKind>, onPage: OnPage): BadLineReason | undefined {
    this.page ??= new GatheredPage(row.twin());
    const { run } = this;
    if (run.pageCount > 0 && run.pageIds[run.pageCount - 1] === row.pageId) {
      if (run.isPageFull) return 'too_many_rows';
      run.addRow(row);
    } else {
      if (run.pageCount > 0) {
        if (run.itemId !== row.itemId) this.finishItem(onPage, false);
        else if (run.isLong) this.finishItem(onPage, true);
      }
      run.addPage(row);
    }
    row.kind.type.rowCount++;
    return undefined;
  }

  /** Tells of the pages of the last item, and of those of the reservoir, which only now are known. */
  finish(onPage: OnPage): void {
    this.finishItem(onPage, false);
    const page = this.page;
    if (!page) return;
    page.keptAs = 'reservoir';
    page.rules = 0;
    for (const [pageId, held] of this.drawn) {
      page.show(pageId, held);
      onPage(page);
    }
  }

  /** Rows by page type: of all pages, and of those that no rule keeps. */
  typeCounts(): { typeCounts: Record<string, number>; outsideTypeCounts: Record<string, number> } {
    const typeCounts: Record<string, number> = {};
    const outsideTypeCounts: Record<string, number> = {};
    for (const [typeName, { rowCount, keptRowCount }] of this.types) {
      if (rowCount > 0) typeCounts[typeName] = rowCount;
      if (rowCount > keptRowCount) outsideTypeCounts[typeName] = rowCount - keptRowCount;
    }
    return { typeCounts, outsideTypeCounts };
  }

  private typeOf(typeName: string): TypeCount {
    const name = this.types.has(typeName) || this.types.size < typeNamesMax ? typeName : '(others)';
    let type = this.types.get(name);
    if (!type) {
      type = { rowCount: 0, keptRowCount: 0 };
      this.types.set(name, type);
    }
    return type;
  }

  private finishItem(onPage: OnPage, isCut: boolean): void {
    const { run } = this;
    if (run.pageCount === 0) return;
    const isKnownItem = run.itemId >= 0;
    if (isKnownItem && run.itemId !== this.cutItemId && !this.itemsSeen.add(run.itemId)) throw new OutOfOrder();
    for (let page = 0; page < run.pageCount; page++) {
      if (!this.pagesSeen.add(run.pageIds[page]!)) throw new OutOfOrder();
    }
    this.pageCount += run.pageCount;
    const order = isKnownItem && !isAscending(run) ? ascending(run) : undefined;
    for (let at = 0; at < run.pageCount; at++) {
      const page = order ? order[at]! : at;
      if (run.some[page] !== 0) onPage(this.select(this.view(page, at, order), page));
      else if (this.reservoir.offer(run.pageIds[page]!, this.drop)) {
        this.drawn.set(run.pageIds[page]!, this.view(page, at, order).held());
      }
    }
    this.cutItemId = isCut ? run.itemId : -1;
    run.clear();
  }

  /** Puts the view on a page of the run. @param place of the page in the order of the item */
  private view(at: number, place: number, order: Int32Array | undefined): GatheredPage {
    const { run } = this;
    const page = this.page!;
    page.clear();
    page.pageId = run.pageIds[at]!;
    page.itemId = run.itemId;
    page.sequence = run.sequences[at]!;
    for (let row = run.firstRows[at]!; row < run.firstRows[at + 1]!; row++) {
      page.addRow(run.blocks[run.blockOf[row]!]!, run.starts[row]!, run.ends[row]!);
    }
    if (run.itemId < 0) return page;
    const last = Math.min(run.pageCount - 1, place + neighboursEachSide);
    for (let other = Math.max(0, place - neighboursEachSide); other <= last; other++) {
      if (other === place) continue;
      const neighbour = order ? order[other]! : other;
      page.addNeighbour(run.pageIds[neighbour]!, run.sequences[neighbour]!);
    }
    return page;
  }

  private select(page: GatheredPage, at: number): GatheredPage {
    page.keptAs = 'rule';
    page.rules = this.rulesOf(this.run.some[at]!, this.run.every[at]!);
    this.keptPageCount++;
    for (let at = 0; at < page.rowCount; at++) {
      const row = page.row(at);
      row.read();
      row.kind.type.keptRowCount++;
    }
    return page;
  }

  private readonly drop = (pageId: number) => this.drawn.delete(pageId);

  private rulesOf(some: number, every: number): number {
    let selected = 0;
    for (let index = 0; index < this.rules.length; index++) {
      const bit = 1 << index;
      const rule = this.rules[index]!;
      if (rule.outcome({ someMatch: (some & bit) !== 0, someDoNot: (every & bit) === 0 }) !== 'selected') continue;
      selected |= bit;
      this.candidateCounts[rule.rule.name]!++;
    }
    return selected;
  }
}

const comesBefore = ({ sequences, pageIds }: ItemRun, one: number, other: number): number =>
  sequences[one]! - sequences[other]! || pageIds[one]! - pageIds[other]!;

function isAscending(run: ItemRun): boolean {
  for (let page = 1; page < run.pageCount; page++) if (comesBefore(run, page - 1, page) > 0) return false;
  return true;
}

function ascending(run: ItemRun): Int32Array {
  return Int32Array.from({ length: run.pageCount }, (_, page) => page).sort((one, other) =>
    comesBefore(run, one, other),
  );
}
