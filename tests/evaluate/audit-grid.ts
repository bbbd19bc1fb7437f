// Audits with known truth: made-up candidates whose precision, prevalence and recall are set, audited many times by the product's own strata, draw and estimates.
import { type Random, seededRandom } from '@florilegium/random';
import type { Interval } from '../../services/curation/src/domain/agreement.ts';
import { estimateAudit } from '../../services/curation/src/domain/audit-estimate.ts';
import { SampleDraw, ScoreHistogram } from '../../services/curation/src/domain/audit-sample.ts';

/**
 * How truth and scores hang together. `pages`: every page by itself. `books`: pages of one book stand and fall together, in truth and in score (a
 * correlation of 0.6 between two pages of a book of 40). `hidden`: the ensemble is surely wrong of 8 % of the HQ pages. `labelled`: people have labelled pages before, most of them the unsure ones;
 * these labels beat the scores and no audit looks at them again.
 */
export const worlds = ['pages', 'books', 'hidden', 'labelled'] as const;
export type WorldKind = (typeof worlds)[number];

export interface GridOptions {
  /** Audits of each cell. */
  runs: number;
  worlds?: readonly WorldKind[];
  precisions?: readonly number[];
  prevalences?: readonly number[];
  /** Pages that an audit looks at, those outside the candidates included. */
  sizes?: readonly number[];
  /** Of the list over the candidates, before pages are hidden. */
  recall?: number;
  /** Shares of HQ pages outside the candidates; one for each prevalence, in turn. */
  outsideShares?: readonly number[];
  /** Candidates of one made-up export; a cell has ten of them. */
  candidates?: number;
  seed?: string;
  onCell?: (done: number, all: number) => void;
}

export type Figure = 'precision' | 'recall' | 'outside share' | 'recall with outside';
export const figures: readonly Figure[] = ['precision', 'recall', 'outside share', 'recall with outside'];

/** How one figure did in one cell, beside a plain random audit of as many pages. */
export interface Cell {
  world: WorldKind;
  precision: number;
  prevalence: number;
  size: number;
  figure: Figure;
  /** Share of the audits whose interval held the truth. */
  coverage: number;
  /** Mean of high - low. */
  width: number;
  /** The same of a plain random audit over the candidates; null for the figures that it does not give. */
  plainCoverage: number | null;
  plainWidth: number | null;
}

/** What the intervals are held to: the mean coverage of each figure, and that of every cell. */
export const limits = { meanLow: 0.94, meanHigh: 0.98, cellLow: 0.92 };

/** Where the cells do not keep the limits, in words; empty where they do. */
export function breachesOf(cells: readonly Cell[], { meanLow, meanHigh, cellLow } = limits): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return figures.flatMap((figure) => {
    const coverages = cells.filter((cell) => cell.figure === figure).map(({ coverage }) => coverage);
    const mean = coverages.reduce((sum, coverage) => sum + coverage, 0) / coverages.length;
    const under = coverages.filter((coverage) => coverage < cellLow);
    return [
      ...(mean >= meanLow && mean <= meanHigh
        ? []
        : [`${figure}: mean coverage ${percent(mean)}, not ${percent(meanLow)} to ${percent(meanHigh)}`]),
      ...(under.length === 0
        ? []
        : [`${figure}: ${under.length} cells under ${percent(cellLow)}, the lowest ${percent(Math.min(...under))}`]),
    ];
  });
}

const exportsPerCell = 10;
const outsidePages = 100_000;

export const defaultGrid = {
  precisions: [0.7, 0.85, 0.95, 0.99],
  prevalences: [0.05, 0.2, 0.5],
  sizes: [100, 200, 400],
  recall: 0.9,
  outsideShares: [0.002, 0.01, 0.05],
  candidates: 5000,
} as const;

export function runGrid(options: GridOptions): Cell[] {
  const grid = { ...defaultGrid, worlds, seed: 'audits', ...options };
  const cells: Cell[] = [];
  const all = grid.worlds.length * grid.precisions.length * grid.prevalences.length * grid.sizes.length;
  let done = 0;
  for (const world of grid.worlds)
    for (const precision of grid.precisions)
      for (const [at, prevalence] of grid.prevalences.entries())
        for (const size of grid.sizes) {
          const setting = { world, precision, prevalence, size };
          const outsideShare = grid.outsideShares[at % grid.outsideShares.length]!;
          cells.push(...runCell(setting, { ...grid, outsideShare }));
          grid.onCell?.(++done, all);
        }
  return cells;
}

interface CellSetting {
  world: WorldKind;
  precision: number;
  prevalence: number;
  size: number;
}

function runCell(
  setting: CellSetting,
  rule: { runs: number; recall: number; outsideShare: number; candidates: number; seed: string },
): Cell[] {
  const { size } = setting;
  const random = seededRandom(`${rule.seed} ${JSON.stringify(setting)}`);
  const tally = new Map(figures.map((figure) => [figure, { hits: 0, width: 0, plainHits: 0, plainWidth: 0 }]));
  const runsPerExport = Math.ceil(rule.runs / exportsPerCell);
  for (let made = 0; made < exportsPerCell; made++) {
    const pages = makeCandidates(setting, rule, random);
    const listed = pages.filter((page) => page.listed);
    const hqCount = pages.filter(({ isHq }) => isHq).length;
    const foundCount = listed.filter(({ isHq }) => isHq).length;
    const outsideHq = Math.round(outsidePages * rule.outsideShare);
    const truth: Record<Figure, number> = {
      precision: foundCount / listed.length,
      recall: foundCount / hqCount,
      'outside share': outsideHq / outsidePages,
      'recall with outside': foundCount / (hqCount + outsideHq),
    };
    const outsideCount = Math.floor(size / 6);
    const unknown = pages.filter(({ isKnown }) => !isKnown);
    const knownHqCount = pages.filter(({ isKnown, isHq }) => isKnown && isHq).length;
    const histogram = new ScoreHistogram();
    for (const page of unknown) histogram.add(page);
    const strata = histogram.cut(size - outsideCount);
    for (let run = 0; run < runsPerExport; run++) {
      const draw = new SampleDraw(strata, `${rule.seed} ${made} ${run}`);
      for (const page of unknown) draw.offer(page);
      const audited = draw.result().map(({ listed: isListed, pageCount, pageIds }) => ({
        listed: isListed,
        pageCount,
        auditedCount: pageIds.length,
        hqCount: pageIds.filter((pageId) => pages[pageId]!.isHq).length,
      }));
      // The reservoir is far larger than what is drawn of it, so each page is HQ with the same chance.
      let outsideSeen = 0;
      for (let page = 0; page < outsideCount; page++) if (random.next() < rule.outsideShare) outsideSeen++;
      const told = estimateAudit(audited, knownHqCount, {
        pageCount: outsidePages,
        auditedCount: outsideCount,
        hqCount: outsideSeen,
      });
      const intervals: Record<Figure, Interval> = {
        precision: told.precision,
        recall: told.recall,
        'outside share': told.outside!.share,
        'recall with outside': told.outside!.recall,
      };
      const plain = plainAudit([...pages], listed.length, hqCount, size, random);
      for (const figure of figures) {
        const entry = tally.get(figure)!;
        if (holds(intervals[figure], truth[figure])) entry.hits++;
        entry.width += intervals[figure].high - intervals[figure].low;
        if (figure !== 'precision' && figure !== 'recall') continue;
        if (holds(plain[figure], truth[figure])) entry.plainHits++;
        entry.plainWidth += plain[figure].high - plain[figure].low;
      }
    }
  }
  const runs = runsPerExport * exportsPerCell;
  return figures.map((figure) => {
    const { hits, width, plainHits, plainWidth } = tally.get(figure)!;
    const isPlain = figure === 'precision' || figure === 'recall';
    return {
      ...setting,
      figure,
      coverage: hits / runs,
      width: width / runs,
      plainCoverage: isPlain ? plainHits / runs : null,
      plainWidth: isPlain ? plainWidth / runs : null,
    };
  });
}

interface Candidate {
  pageId: number;
  probability: number;
  listed: boolean;
  isHq: boolean;
  /** Somebody has labelled the page. */
  isKnown: boolean;
}

const pagesPerBook = 40;
const bookShare = 0.6;
const hiddenShare = 0.08;
/** One page in twenty by lot, and half of those that the ensemble cannot tell. */
const knownShare = (probability: number) => 0.05 + 1.8 * probability * (1 - probability);

/** Scores are normal in each class, as far apart as the wanted precision and recall ask for, and calibrated but for what is hidden. */
function makeCandidates(
  { world, precision, prevalence }: CellSetting,
  { recall, candidates }: { recall: number; candidates: number },
  random: Random,
): Candidate[] {
  const falseShare = (prevalence * recall * (1 - precision)) / (precision * (1 - prevalence));
  const edge = normalQuantile(1 - falseShare);
  const apart = edge - normalQuantile(1 - recall);
  const hqEdge = normalQuantile(1 - prevalence);
  const shared = world === 'books' ? bookShare : 0;
  const bookCount = Math.ceil(candidates / pagesPerBook);
  const books = Array.from({ length: bookCount }, () => ({ truth: normal(random), score: normal(random) }));
  const mixed = (ofBook: number) => Math.sqrt(shared) * ofBook + Math.sqrt(1 - shared) * normal(random);
  return Array.from({ length: candidates }, (_, pageId) => {
    const book = books[pageId % bookCount]!;
    const isHq = mixed(book.truth) > hqEdge;
    const isSeen = isHq && !(world === 'hidden' && random.next() < hiddenShare);
    const score = (isSeen ? apart : 0) + mixed(book.score);
    const logit = Math.log(prevalence / (1 - prevalence)) + apart * score - apart ** 2 / 2;
    const probability = 1 / (1 + Math.exp(-logit));
    const isKnown = world === 'labelled' && random.next() < knownShare(probability);
    return { pageId, probability, listed: isKnown ? isHq : score >= edge, isHq, isKnown };
  });
}

/** Pages drawn without replacement; the array is left in another order. */
function drawSome<Page>(pages: Page[], count: number, random: Random): Page[] {
  for (let at = 0; at < count; at++) {
    const other = at + random.below(pages.length - at);
    [pages[at], pages[other]] = [pages[other]!, pages[at]!];
  }
  return pages.slice(0, count);
}

/** The same number of pages drawn from all candidates alike, with Wilson's intervals of the two shares. */
function plainAudit(pages: Candidate[], listedCount: number, hqCount: number, size: number, random: Random) {
  const drawn = drawSome(pages, size, random);
  const listed = drawn.filter((page) => page.listed).length;
  const hq = drawn.filter(({ isHq }) => isHq).length;
  const both = drawn.filter((page) => page.listed && page.isHq).length;
  return { precision: wilson(both, listed, listedCount), recall: wilson(both, hq, hqCount) };
}

/** Wilson's score interval (1927), the count raised by the finite population's correction. */
function wilson(successes: number, count: number, pageCount: number): Interval {
  if (count === 0) return { estimate: 0.5, low: 0, high: 1 };
  const share = successes / count;
  if (count >= pageCount) return { estimate: share, low: share, high: share };
  const z = 1.959964;
  const n = (count * (pageCount - 1)) / (pageCount - count);
  const centre = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n);
  return { estimate: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

const holds = ({ low, high }: Interval, truth: number) => low <= truth + 1e-12 && truth <= high + 1e-12;

const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/** By bisection over the distribution's series (Abramowitz and Stegun, 26.2.17): good to 1e-7, which no count of pages notices. */
function normalQuantile(share: number): number {
  let low = -8;
  let high = 8;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) > share) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

function normalBelow(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI)) * series;
  return x < 0 ? tail : 1 - tail;
}
