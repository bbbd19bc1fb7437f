import { type Random, randomFrom, shuffled } from '@florilegium/random';
import { bootstrapOfItems, type Folds, splitIntoFolds } from './folds.ts';
import type { LabelledPages } from './training-set.ts';

/** What a member of a `finetune` ensemble does with each labelled page, by page number. */
export interface MemberPages {
  /** Pages that train, each as often as it was drawn. */
  train: number[];
  /** Pages of items that were drawn and do not train: their loss tells when to stop. May be empty. */
  stop: number[];
  /** Pages that the member never meets, of whatever label: their scores judge it. */
  outOfBag: number[];
  /** What is drawn: whole items, or single pages where too few items hold both classes. */
  by: Folds['by'];
}

/** Streams of random numbers that must not run into each other, nor into those of `probe`. */
const stream = { folds: 11, bootstrap: 12, stop: 13 } as const;

/**
 * Bootstraps with a guarantee: the items are dealt into as many groups as there are members, member i draws from all groups but the
 * i-th, as many items as there are, with replacement. So each labelled page is out of bag for at least one member, and a member
 * meets about 57 % of the items. A network takes minutes to hours to train: scores from what a member's own draw left out cost nothing,
 * those of fits without a fold would cost as much again for each fold.
 */
export function pagesOfMember(
  set: LabelledPages,
  { seed, memberCount, stopShare }: { seed: number; memberCount: number; stopShare: number },
  member: number,
): MemberPages {
  const folds = splitIntoFolds(set, Math.max(2, memberCount), randomFrom(seed, stream.folds));
  const units: LabelledPages =
    folds.by === 'item' ? set : { labels: set.labels, itemIds: Array.from(set.labels, (_, page) => page) };
  const group = member % folds.count;
  const labelled = [...set.labels.keys()].filter((page) => set.labels[page] !== 'NOT_SURE');
  const within = labelled.filter((page) => folds.foldOfPage[page] !== group);
  const drawCount = new Set(labelled.map((page) => units.itemIds[page]!)).size;
  const counts = bootstrapOfItems(units, within, randomFrom(seed, stream.bootstrap, member), drawCount);
  const met = new Set(within.filter((page) => counts[page]! > 0).map((page) => units.itemIds[page]!));
  const stopUnits = chooseStopUnits(units, met, stopShare, randomFrom(seed, stream.stop, member));
  const pages = [...set.labels.keys()];
  return {
    train: labelled.flatMap((page) =>
      stopUnits.has(units.itemIds[page]!) ? [] : Array.from({ length: counts[page]! }, () => page),
    ),
    stop: labelled.filter((page) => stopUnits.has(units.itemIds[page]!)),
    outOfBag: pages.filter((page) => !met.has(units.itemIds[page]!)),
    by: folds.by,
  };
}

/**
 * Some of the drawn items, until they hold the share of pages, and never more of a class than is left to train; none when they would lack
 * one of the classes.
 */
function chooseStopUnits(
  { labels, itemIds }: LabelledPages,
  drawn: ReadonlySet<number>,
  share: number,
  random: Random,
): Set<number> {
  const tallies = new Map([...drawn].map((unit) => [unit, { HQ: 0, LQ: 0, NOT_SURE: 0 }]));
  for (const [page, label] of labels.entries()) {
    const tally = tallies.get(itemIds[page]!);
    if (tally) tally[label]++;
  }
  const left = { HQ: 0, LQ: 0 };
  for (const tally of tallies.values()) {
    left.HQ += tally.HQ;
    left.LQ += tally.LQ;
  }
  const wanted = share * (left.HQ + left.LQ);
  const taken = { HQ: 0, LQ: 0 };
  const chosen = new Set<number>();
  for (const unit of shuffled(
    [...drawn].sort((a, b) => a - b),
    random,
  )) {
    const { HQ, LQ } = tallies.get(unit)!;
    if (taken.HQ + taken.LQ >= wanted) break;
    if (left.HQ - HQ < taken.HQ + HQ || left.LQ - LQ < taken.LQ + LQ) continue;
    chosen.add(unit);
    left.HQ -= HQ;
    left.LQ -= LQ;
    taken.HQ += HQ;
    taken.LQ += LQ;
  }
  return taken.HQ > 0 && taken.LQ > 0 ? chosen : new Set();
}
