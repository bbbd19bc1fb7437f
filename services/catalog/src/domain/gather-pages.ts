import { type CompiledRule, type DrawOf, type PageFileRow, PageIdSet, type PageRow } from '@florilegium/bhl';
import type { Neighbour, PageRowFacts } from './page.ts';

/** A page to be kept, as the export has it. */
export interface GatheredPage {
  pageId: number;
  /** -1 where the export does not say; so is the sequence. */
  itemId: number;
  sequence: number;
  year: string;
  volume: string;
  issue: string;
  rows: PageRowFacts[];
  /** The two pages on either side of it in its item, in the order of the item. */
  neighbours: Neighbour[];
  keptAs: 'rule' | 'reservoir';
  /** Names of the rules that select the page. */
  rules: readonly string[];
}

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
const noRules: readonly string[] = [];

interface RunPage {
  pageId: number;
  itemId: number;
  sequence: number;
  firstRow: number;
  endRow: number;
}

/**
 * Finds what to keep of a page file in one pass over rows that come page by page and item by item, as BHL's export has
 * them. A page or item that comes a second time is noticed (`OutOfOrder`); the caller then sorts the file and begins anew,
 * so that the result never depends on the order of the file. Held at once: the rows of one item, and a bit for each PageID.
 */
export class PageGatherer {
  pageCount = 0;
  private readonly rules: readonly CompiledRule[];
  private readonly reservoir: DrawOf;
  private readonly types = new Map<string, { rowCount: number }>();
  private readonly pagesSeen = new PageIdSet();
  private readonly itemsSeen = new PageIdSet();
  /** The pages of the reservoir so far. */
  private readonly drawn = new Map<number, GatheredPage>();
  private look: PageRow<RowKind> | undefined;
  private pages: RunPage[] = [];
  private kinds: RowKind[] = [];
  private buffers: Buffer[] = [];
  private starts: number[] = [];
  private ends: number[] = [];
  /** The item that was cut last: more of its rows are no surprise. */
  private cutItemId = -1;

  /** @param rules a page with a row that one of them matches is kept; at most 31, a bit of a number for each */
  constructor(rules: readonly CompiledRule[], reservoir: DrawOf) {
    this.rules = rules;
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
  add(row: PageRow<RowKind>): GatheredPage[] {
    this.look ??= row.twin();
    row.kind.type.rowCount++;
    const last = this.pages.at(-1);
    if (last && last.pageId === row.pageId) {
      last.endRow = this.hold(row);
      return [];
    }
    let gathered: GatheredPage[] = [];
    if (last && last.itemId !== row.itemId) gathered = this.finishItem(false);
    else if (this.kinds.length >= itemRowsMax) gathered = this.finishItem(true);
    const endRow = this.hold(row);
    this.pages.push({
      pageId: row.pageId,
      itemId: row.itemId,
      sequence: row.sequence,
      firstRow: endRow - 1,
      endRow,
    });
    return gathered;
  }

  /** The pages of the last item, and those of the reservoir, which only now are known. */
  finish(): GatheredPage[] {
    return [...this.finishItem(false), ...this.drawn.values()];
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

  private hold(row: PageRow<RowKind>): number {
    this.buffers.push(row.buffer);
    this.starts.push(row.start);
    this.ends.push(row.end);
    return this.kinds.push(row.kind);
  }

  private finishItem(isCut: boolean): GatheredPage[] {
    const { pages } = this;
    const first = pages[0];
    if (!first) return [];
    const isKnownItem = first.itemId >= 0;
    if (isKnownItem && first.itemId !== this.cutItemId && !this.itemsSeen.add(first.itemId)) throw new OutOfOrder();
    for (const { pageId } of pages) if (!this.pagesSeen.add(pageId)) throw new OutOfOrder();
    this.pageCount += pages.length;
    if (isKnownItem && !isAscending(pages)) {
      pages.sort((one, other) => one.sequence - other.sequence || one.pageId - other.pageId);
    }
    const gathered: GatheredPage[] = [];
    for (let at = 0; at < pages.length; at++) {
      const page = pages[at]!;
      const some = this.someOf(page);
      const neighbours = () => (isKnownItem ? neighboursOf(pages, at) : []);
      if (some !== 0) gathered.push(this.gather(page, 'rule', this.rulesOf(page, some), neighbours()));
      else if (this.reservoir.offer(page.pageId, this.drop)) {
        this.drawn.set(page.pageId, this.gather(page, 'reservoir', noRules, neighbours()));
      }
    }
    this.cutItemId = isCut ? first.itemId : -1;
    this.pages = [];
    this.kinds = [];
    this.buffers = [];
    this.starts = [];
    this.ends = [];
    return gathered;
  }

  private readonly drop = (pageId: number) => this.drawn.delete(pageId);

  /** The rules that at least one of the page's rows matches, a bit for each. */
  private someOf({ firstRow, endRow }: RunPage): number {
    let some = 0;
    for (let row = firstRow; row < endRow; row++) some |= this.kinds[row]!.matches;
    return some;
  }

  private rulesOf({ firstRow, endRow }: RunPage, some: number): readonly string[] {
    let every = -1;
    for (let row = firstRow; row < endRow; row++) every &= this.kinds[row]!.matches;
    return this.rules
      .filter((rule, index) => {
        const bit = 1 << index;
        const outcome = rule.outcome({ someMatch: (some & bit) !== 0, someDoNot: (every & bit) === 0 });
        return outcome === 'selected';
      })
      .map(({ rule }) => rule.name);
  }

  private gather(
    page: RunPage,
    keptAs: GatheredPage['keptAs'],
    rules: readonly string[],
    neighbours: Neighbour[],
  ): GatheredPage {
    const read: PageFileRow[] = [];
    for (let row = page.firstRow; row < page.endRow; row++) {
      read.push(this.look!.readAt(this.buffers[row]!, this.starts[row]!, this.ends[row]!));
    }
    const { year, volume, issue } = read[0]!;
    const rows = read.map(({ prefix, number, typeName }) => ({ prefix, number, typeName }));
    const { pageId, itemId, sequence } = page;
    return { pageId, itemId, sequence, year, volume, issue, rows, neighbours, keptAs, rules };
  }
}

function isAscending(pages: readonly RunPage[]): boolean {
  for (let at = 1; at < pages.length; at++) {
    const [before, page] = [pages[at - 1]!, pages[at]!];
    if (before.sequence > page.sequence || (before.sequence === page.sequence && before.pageId > page.pageId))
      return false;
  }
  return true;
}

function neighboursOf(pages: readonly RunPage[], at: number): Neighbour[] {
  const neighbours: Neighbour[] = [];
  for (let other = Math.max(0, at - neighboursEachSide); other <= at + neighboursEachSide; other++) {
    const page = other === at ? undefined : pages[other];
    if (page) neighbours.push({ pageId: page.pageId, sequence: page.sequence });
  }
  return neighbours;
}
