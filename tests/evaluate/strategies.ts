import { mutualInformationOf, orderByDiverseWorth, pageWorthOf } from '@florilegium/ensemble/arithmetic';
import { randomFrom, shuffled } from '@florilegium/random';
import {
  defaultQueueRule,
  orderForReview,
  orderInitialPages,
} from '../../services/curation/src/domain/review-queue.ts';
import { entropyQuantile, opinionOf, triageUnlabelled } from '../../services/curation/src/domain/triage.ts';

export interface PoolPage {
  /** Row of the page in its library. */
  row: number;
  pageId: number;
  itemId: number;
}

export interface ScoredPage extends PoolPage {
  /** Calibrated P(HQ) of each member. */
  members: Float32Array;
}

/** How the next pages to label are picked. Both get pages in a fixed order and must depend on nothing but their arguments. */
export interface Strategy {
  describe: string;
  /** Before there is an ensemble: all pages, in the order in which they would be asked. */
  first(pages: readonly PoolPage[], seed: number): PoolPage[];
  /** The unlabelled pages worth asking next, the best first; at least `count` of them where there are so many. */
  next(pages: readonly ScoredPage[], count: number, seed: number): PoolPage[];
}

const byLot = (pages: readonly PoolPage[], seed: number) => shuffled(pages, randomFrom(seed, 101));

const byScore =
  (scoreOf: (members: Float32Array) => number): Strategy['next'] =>
  (pages) =>
    pages
      .map((page) => ({ page, score: scoreOf(page.members) }))
      .sort((a, b) => b.score - a.score || a.page.pageId - b.page.pageId)
      .map(({ page }) => page);

/** Curation's defaults: ENTROPY_QUANTILE, and the rule of its queue. */
const entropyQuantileOfCuration = 0.8;

const reviewQueue: Strategy['next'] = (pages, count, seed) => {
  const opinions = pages.map(({ members }) => opinionOf([...members]));
  const threshold = entropyQuantile(
    opinions.map(({ entropy }) => entropy),
    entropyQuantileOfCuration,
  );
  const pageOf = new Map(pages.map((page) => [page.pageId, page]));
  const queue = orderForReview(
    pages.map(({ pageId, itemId }, at) => ({
      pageId,
      itemId,
      triageClass: triageUnlabelled(opinions[at]!, threshold),
      worth: opinions[at]!.entropy,
    })),
    { ...defaultQueueRule, seed: `review ${seed}` },
  ).map(({ pageId }) => pageOf.get(pageId)!);
  if (queue.length >= count) return queue;
  // A person whose queue is empty starts the next iteration; here the rest of the round is drawn by lot.
  const taken = new Set(queue.map(({ row }) => row));
  return [
    ...queue,
    ...byLot(
      pages.filter(({ row }) => !taken.has(row)),
      seed,
    ),
  ];
};

const entropyOverItems: Strategy['next'] = (pages, count) => {
  const rows = new Map(pages.map((page) => [page.pageId, page]));
  const worth = pages.map(({ pageId, itemId, members }) => ({ pageId, itemId, worth: pageWorthOf(members) }));
  return orderByDiverseWorth(worth, count).map(({ pageId }) => rows.get(pageId)!);
};

export const strategies: Readonly<Record<string, Strategy>> = {
  random: { describe: 'pages by lot', first: byLot, next: (pages, _, seed) => byLot(pages, seed) },
  entropy: { describe: 'highest entropy of the mean', first: byLot, next: byScore(pageWorthOf) },
  bald: {
    describe: 'highest mutual information of members and label',
    first: byLot,
    next: byScore(mutualInformationOf),
  },
  diverse: {
    describe: 'entropy, discounted for each page of the same item (libs/ensemble)',
    first: byLot,
    next: entropyOverItems,
  },
  triage: {
    describe: "what the job asks: curation's first queue, a page of each item in turn, then its review queue",
    first: (pages, seed) => orderInitialPages(pages, `initial ${seed}`),
    next: reviewQueue,
  },
  spread: {
    describe: "curation's first queue, then entropy, discounted for each page of the same item",
    first: (pages, seed) => orderInitialPages(pages, `initial ${seed}`),
    next: entropyOverItems,
  },
};
