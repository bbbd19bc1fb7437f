import { orderByDiverseWorth } from '@florilegium/ensemble/arithmetic';
import { drawKey, seededRandom } from '@florilegium/random';
import type { TriageClass } from './triage.ts';

export interface PageToReview {
  pageId: number;
  itemId: number;
  triageClass: TriageClass;
  /** What asking is worth: the entropy of the ensemble's mean, in nats. */
  worth: number;
}

export interface QueuedPage extends PageToReview {
  /** Whether its worth or the lot put it here. */
  by: 'worth' | 'random';
}

export interface QueueRule {
  /** Share of the places that are filled by lot from all pages, A included: what the ensemble is sure of must be seen too. */
  randomShare: number;
  /** Each page of an item already in the queue multiplies the worth of its next page by this: pages of one book look alike. */
  repeatDiscount: number;
  /** No more pages of one item in a row while another item still has pages. */
  runMax: number;
  seed: string;
}

export const defaultQueueRule: Omit<QueueRule, 'seed'> = { randomShare: 0.1, repeatDiscount: 0.9, runMax: 2 };

/**
 * The order in which unlabelled pages are worth a person's minute: B, C and D by worth, spread over items, with a share of the
 * places given by lot to any page. Depends on nothing but the pages and the seed. A pages that the lot did not draw stay out.
 */
export function orderForReview(pages: readonly PageToReview[], rule: QueueRule): QueuedPage[] {
  const byWorth = diverse(
    pages.filter((page) => page.triageClass !== 'A'),
    rule.repeatDiscount,
  );
  const byLot = [...pages].sort((a, b) => drawKey(rule.seed, a.pageId) - drawKey(rule.seed, b.pageId));
  const random = seededRandom(`${rule.seed} places`);
  const taken = new Set<number>();
  const queue: QueuedPage[] = [];
  let worthAt = 0;
  let lotAt = 0;
  for (;;) {
    while (worthAt < byWorth.length && taken.has(byWorth[worthAt]!.pageId)) worthAt++;
    // Without a page of worth left the queue ends: more of what the ensemble is sure of is not worth asking.
    if (worthAt >= byWorth.length) break;
    while (lotAt < byLot.length && taken.has(byLot[lotAt]!.pageId)) lotAt++;
    const isLot = random.next() < rule.randomShare && lotAt < byLot.length;
    const page = isLot ? byLot[lotAt]! : byWorth[worthAt]!;
    taken.add(page.pageId);
    queue.push({ ...page, by: isLot ? 'random' : 'worth' });
  }
  return breakRuns(queue, rule.runMax);
}

/** Labelled pages worth a second look: dissent first where `dissenting` is given, then by worth, spread over items. */
export function orderForSecondLook(
  pages: readonly (PageToReview & { dissenting: number })[],
  rule: Pick<QueueRule, 'repeatDiscount' | 'runMax'>,
): PageToReview[] {
  const part = (dissent: boolean) =>
    diverse(
      pages.filter((page) => page.dissenting > 0 === dissent),
      rule.repeatDiscount,
    );
  return [...breakRuns(part(true), rule.runMax), ...breakRuns(part(false), rule.runMax)];
}

/**
 * The order in which the first pages are asked: at random, one page of each item in turn, so that the first hundred labels
 * see as many books as they can.
 */
export function orderInitialPages<Page extends { pageId: number; itemId: number }>(
  pages: readonly Page[],
  seed: string,
): Page[] {
  const lots = Map.groupBy(
    [...pages].sort((a, b) => drawKey(seed, a.pageId) - drawKey(seed, b.pageId)),
    (page) => page.itemId,
  );
  const ranked = [...lots.values()].flatMap((ofItem) => ofItem.map((page, round) => ({ page, round })));
  ranked.sort((a, b) => a.round - b.round || drawKey(seed, a.page.pageId) - drawKey(seed, b.page.pageId));
  return ranked.map(({ page }) => page);
}

const diverse = <Page extends PageToReview>(pages: readonly Page[], repeatDiscount: number): Page[] =>
  orderByDiverseWorth(pages, pages.length, repeatDiscount);

/** Pulls the next page of another item forward wherever more than `runMax` pages of one item would come in a row. */
function breakRuns<Page extends { itemId: number }>(pages: readonly Page[], runMax: number): Page[] {
  const result: Page[] = [];
  const waiting: Page[] = [];
  let nextAt = 0;
  const runsOn = (page: Page) =>
    result.length >= runMax && result.slice(-runMax).every((before) => before.itemId === page.itemId);
  while (nextAt < pages.length || waiting.length > 0) {
    // Only pages of the one item that ran on are ever waiting, so the first of them speaks for all.
    if (waiting.length > 0 && !runsOn(waiting[0]!)) result.push(waiting.shift()!);
    else if (nextAt >= pages.length) return [...result, ...waiting];
    else if (runsOn(pages[nextAt]!)) waiting.push(pages[nextAt++]!);
    else result.push(pages[nextAt++]!);
  }
  return result;
}
