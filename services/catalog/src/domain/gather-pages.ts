import { type CompiledRule, type DrawOf, PageIdSet, type PageRow } from '@florilegium/bhl';

/** A page to be kept, as the export has it. */
export interface GatheredPage {
  pageId: number;
  /** -1 where the export does not say; so is the sequence. */
  itemId: number;
  sequence: number;
  year: string;
  volume: string;
  issue: string;
  /** In the order of the file. */
  rows: [prefix: string, number: string, typeName: string][];
  /** The two pages on either side of it in its item, in the order of the item. */
  neighbourIds: number[];
  neighbourSequences: number[];
  keptAs: 'rule' | 'reservoir';
  /** Names of the rules that select the page. */
  rules: readonly string[];
}

type Neighbours = Pick<GatheredPage, 'neighbourIds' | 'neighbourSequences'>;
const noNeighbours: Neighbours = { neighbourIds: [], neighbourSequences: [] };

/** What is known of all rows with the same prefix and type. */
export interface RowKind {
  /** One bit for each rule that the row matches, in the order of the rules. */
  matches: number;
  type: { rowCount: number };
}

/** The rows of a page or of an item do not stand together in the file. */
export class OutOfOrder extends Error {}

/** The page's neighbours on either side that are kept with it. */
const neighboursEachSide = 2;
/** An item with more rows is cut for the sake of memory; pages at the cut have fewer neighbours. BHL's largest items have some thousand. */
const itemRowsMax = 200_000;
const typeNamesMax = 500;
const nothing: readonly GatheredPage[] = [];

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
  /** The page's first row; the next page's first row is its end. */
  firstRows = new Int32Array(1025);
  starts = new Int32Array(2048);
  ends = new Int32Array(2048);
  matches = new Int32Array(2048);
  /** The block that each row stands in. */
  blockOf = new Int32Array(2048);
  blocks: Buffer[] = [];

  clear(): void {
    this.itemId = -1;
    this.pageCount = 0;
    this.rowCount = 0;
    this.blocks = [];
  }

  addRow(row: PageRow<RowKind>): void {
    if (this.rowCount === this.starts.length) this.growRows();
    const at = this.rowCount++;
    if (this.blocks[this.blocks.length - 1] !== row.buffer) this.blocks.push(row.buffer);
    this.blockOf[at] = this.blocks.length - 1;
    this.starts[at] = row.start;
    this.ends[at] = row.end;
    this.matches[at] = row.kind.matches;
    this.firstRows[this.pageCount] = this.rowCount;
  }

  addPage(row: PageRow<RowKind>): void {
    if (this.pageCount === this.pageIds.length) this.growPages();
    const at = this.pageCount++;
    this.itemId = row.itemId;
    this.pageIds[at] = row.pageId;
    this.sequences[at] = row.sequence;
    this.firstRows[at] = this.rowCount;
    this.addRow(row);
  }

  private growRows(): void {
    for (const column of ['starts', 'ends', 'matches', 'blockOf'] as const) this[column] = twiceAsLong(this[column]);
  }

  private growPages(): void {
    for (const column of ['pageIds', 'sequences', 'firstRows'] as const) this[column] = twiceAsLong(this[column]);
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
  private readonly types = new Map<string, { rowCount: number }>();
  private readonly pagesSeen = new PageIdSet();
  private readonly itemsSeen = new PageIdSet();
  /** The pages of the reservoir so far, as JSON: most of them are dropped again, and a text is dropped at once. */
  private readonly drawn = new Map<number, string>();
  private look: PageRow<RowKind> | undefined;
  private readonly run = new ItemRun();
  /** The item that was cut last: more of its rows are no surprise. */
  private cutItemId = -1;

  /** @param rules a page with a row that one of them matches is kept; at most 31, a bit of a number for each */
  constructor(rules: readonly CompiledRule[], reservoir: DrawOf) {
    this.rules = rules;
    for (const { rule } of rules) this.candidateCounts[rule.name] = 0;
    this.reservoir = reservoir;
  }

  kindOf(prefix: string, typeName: string): RowKind {
    const row = { prefix, typeName };
    let matches = 0;
    this.rules.forEach((rule, index) => {
      if (rule.judgeRow(row).matches) matches |= 1 << index;
    });
    return { matches, type: this.typeOf(typeName) };
  }

  /** Takes the next row; gives the pages of the item before it when the row begins another. */
  add(row: PageRow<RowKind>): readonly GatheredPage[] {
    this.look ??= row.twin();
    row.kind.type.rowCount++;
    const { run } = this;
    if (run.pageCount > 0 && run.pageIds[run.pageCount - 1] === row.pageId) {
      run.addRow(row);
      return nothing;
    }
    let gathered: readonly GatheredPage[] = nothing;
    if (run.pageCount > 0 && run.itemId !== row.itemId) gathered = this.finishItem(false);
    else if (run.rowCount >= itemRowsMax) gathered = this.finishItem(true);
    run.addPage(row);
    return gathered;
  }

  /** The pages of the last item, and those of the reservoir, which only now are known. */
  finish(): GatheredPage[] {
    const last = this.finishItem(false);
    return [...last, ...Array.from(this.drawn.values(), (packed) => JSON.parse(packed) as GatheredPage)];
  }

  typeCounts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [typeName, { rowCount }] of this.types) if (rowCount > 0) counts[typeName] = rowCount;
    return counts;
  }

  private typeOf(typeName: string): { rowCount: number } {
    const name = this.types.has(typeName) || this.types.size < typeNamesMax ? typeName : '(others)';
    let type = this.types.get(name);
    if (!type) {
      type = { rowCount: 0 };
      this.types.set(name, type);
    }
    return type;
  }

  private finishItem(isCut: boolean): readonly GatheredPage[] {
    const { run } = this;
    if (run.pageCount === 0) return nothing;
    const isKnownItem = run.itemId >= 0;
    if (isKnownItem && run.itemId !== this.cutItemId && !this.itemsSeen.add(run.itemId)) throw new OutOfOrder();
    for (let page = 0; page < run.pageCount; page++) {
      if (!this.pagesSeen.add(run.pageIds[page]!)) throw new OutOfOrder();
    }
    this.pageCount += run.pageCount;
    const order = isKnownItem && !isAscending(run) ? ascending(run) : undefined;
    const gathered: GatheredPage[] = [];
    for (let at = 0; at < run.pageCount; at++) {
      const page = order ? order[at]! : at;
      const some = this.someOf(page);
      const neighbours = () => (isKnownItem ? neighboursOf(run, order, at) : noNeighbours);
      if (some !== 0) {
        const rules = this.rulesOf(page, some);
        for (const name of rules) this.candidateCounts[name]!++;
        this.keptPageCount++;
        gathered.push(this.gather(page, 'rule', rules, neighbours()));
      } else if (this.reservoir.offer(run.pageIds[page]!, this.drop)) {
        this.drawn.set(run.pageIds[page]!, JSON.stringify(this.gather(page, 'reservoir', [], neighbours())));
      }
    }
    this.cutItemId = isCut ? run.itemId : -1;
    run.clear();
    return gathered;
  }

  private readonly drop = (pageId: number) => this.drawn.delete(pageId);

  /** The rules that at least one of the page's rows matches, a bit for each. */
  private someOf(page: number): number {
    const { matches, firstRows } = this.run;
    let some = 0;
    for (let row = firstRows[page]!; row < firstRows[page + 1]!; row++) some |= matches[row]!;
    return some;
  }

  private rulesOf(page: number, some: number): readonly string[] {
    const { matches, firstRows } = this.run;
    let every = -1;
    for (let row = firstRows[page]!; row < firstRows[page + 1]!; row++) every &= matches[row]!;
    const names: string[] = [];
    this.rules.forEach((rule, index) => {
      const bit = 1 << index;
      const outcome = rule.outcome({ someMatch: (some & bit) !== 0, someDoNot: (every & bit) === 0 });
      if (outcome === 'selected') names.push(rule.rule.name);
    });
    return names;
  }

  private gather(
    page: number,
    keptAs: GatheredPage['keptAs'],
    rules: readonly string[],
    neighbours: Neighbours,
  ): GatheredPage {
    const { run } = this;
    const look = this.look!;
    const rows: GatheredPage['rows'] = [];
    const firstRow = run.firstRows[page]!;
    // From the last to the first, which tells year, volume and issue.
    for (let row = run.firstRows[page + 1]! - 1; row >= firstRow; row--) {
      look.moveTo(run.blocks[run.blockOf[row]!]!, run.starts[row]!, run.ends[row]!);
      rows.unshift(look.facts());
    }
    const { year, volume, issue } = look.issueFacts();
    const pageId = run.pageIds[page]!;
    const sequence = run.sequences[page]!;
    return { pageId, itemId: run.itemId, sequence, year, volume, issue, rows, ...neighbours, keptAs, rules };
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

function neighboursOf(run: ItemRun, order: Int32Array | undefined, at: number): Neighbours {
  const neighbours: Neighbours = { neighbourIds: [], neighbourSequences: [] };
  const last = Math.min(run.pageCount - 1, at + neighboursEachSide);
  for (let other = Math.max(0, at - neighboursEachSide); other <= last; other++) {
    if (other === at) continue;
    const page = order ? order[other]! : other;
    neighbours.neighbourIds.push(run.pageIds[page]!);
    neighbours.neighbourSequences.push(run.sequences[page]!);
  }
  return neighbours;
}
