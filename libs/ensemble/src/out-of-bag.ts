import { randomFrom } from '@florilegium/random';
import { bootstrapOfItems, type Folds, splitIntoFolds } from './folds.ts';
import type { LabelledPages } from './training-set.ts';

/** What a member of a `finetune` ensemble does with each labelled page, by page number. */
export interface MemberPages {
  /** Pages that train, each as often as it was drawn. */
  train: number[];
  /** Pages that do not train: their loss tells when to stop. May be empty. */
  stop: number[];
  /** Pages that the member and its ancestors never met, of whatever label: their scores judge it. */
  outOfBag: number[];
  /** What is drawn: whole items, or single pages where too few items hold both classes. */
  by: Folds['by'];
}

/** What decides which pages a member may meet. */
export interface Dealing {
  seed: number;
  memberCount: number;
  stopShare: number;
}

/** The rule of `pagesOfMember`, named in manifests: a member of an ensemble that was dealt by another may have met any page. */
export const dealingName = 'item-hash-1';

/** Streams of random numbers that must not run into each other, nor into those of `probe`. */
const stream = { groups: 11, bootstrap: 12, stop: 13 } as const;

/**
 * Bootstraps with a guarantee: items fall into as many groups as there are members, member i draws from all groups but the i-th, as many
 * items as there are, with replacement. So each labelled page is out of bag for at least one member, and a member trains on about half of
 * the items. A network takes minutes to hours to train: scores from what a member's own draw left out cost nothing, those of fits without a
 * fold would cost as much again for each fold.
 *
 * The group of an item, and whether it is a stop item of a member, follow from the item's id and the `Dealing` alone. So they are the same in
 * every iteration, however the label set grows, and no ancestor of a warm-started member trained on its group or its stop items. What else
 * its own draw left out, ancestors may have drawn: a warm-started member is judged by its group only.
 */
export function pagesOfMember(
  set: LabelledPages,
  dealing: Dealing,
  member: number,
  { warmStarted = false } = {},
): MemberPages {
  const labelled = [...set.labels.keys()].filter((page) => set.labels[page] !== 'NOT_SURE');
  const deal = dealItems(set, labelled, dealing) ?? dealPages(set, labelled, dealing);
  const { units, isOfGroup, isStop } = deal;
  const within = labelled.filter((page) => !isOfGroup(page, member));
  const stop = within.filter((page) => isStop(page, member));
  const pool = within.filter((page) => !isStop(page, member));
  const unitCountOf = (pages: readonly number[]) => new Set(pages.map((page) => units.itemIds[page]!)).size;
  const drawCount = unitCountOf(labelled) - unitCountOf(stop);
  const counts = bootstrapOfItems(units, pool, randomFrom(dealing.seed, stream.bootstrap, member), drawCount);
  const train = pool.flatMap((page) => Array.from({ length: counts[page]! }, () => page));
  const stopTells = hasBothClasses(set, stop);
  const met = new Set([...train, ...(stopTells ? stop : [])].map((page) => units.itemIds[page]!));
  return {
    train,
    stop: stopTells ? stop : [],
    outOfBag: [...set.labels.keys()].filter((page) =>
      warmStarted ? isOfGroup(page, member) : !met.has(units.itemIds[page]!),
    ),
    by: deal.by,
  };
}

/**
 * Why members of `set` must not start from those of the parent, in words; undefined where they may. Their out-of-bag pages would be pages that
 * the parent was trained on, and every label would look confirmed.
 */
export function findColdStartReason(
  set: LabelledPages,
  dealing: Dealing,
  parent: { parameters: Dealing; outOfFold: { outOfBagBy: Folds['by']; dealing?: string } },
): string | undefined {
  const other = (['seed', 'memberCount', 'stopShare'] as const).find(
    (name) => parent.parameters[name] !== dealing[name],
  );
  if (other) return `the parent has another ${other}`;
  if (parent.outOfFold.dealing !== dealingName) return 'the parent was dealt its pages by another rule';
  if (parent.outOfFold.outOfBagBy === 'page' || pagesOfMember(set, dealing, 0).by === 'page')
    return 'too few items hold both classes to keep whole items apart';
  return undefined;
}

interface Deal {
  by: Folds['by'];
  /** The set with what is drawn in place of items. */
  units: LabelledPages;
  isOfGroup(page: number, member: number): boolean;
  isStop(page: number, member: number): boolean;
}

/** By the ids of items alone; undefined where that leaves a member without one of the classes to train on. */
function dealItems(set: LabelledPages, labelled: readonly number[], dealing: Dealing): Deal | undefined {
  const { seed, memberCount } = dealing;
  const groupCount = groupCountOf(dealing);
  const groups = rememberedBy(set, (itemId) => randomFrom(seed, stream.groups, itemId).below(groupCount));
  const deal: Deal = {
    by: 'item',
    units: set,
    isOfGroup: (page, member) => groups(page) === member % groupCount,
    isStop: stopUnitsOf(set, dealing),
  };
  for (let member = 0; member < memberCount; member++) {
    const trains = (page: number) => !deal.isOfGroup(page, member) && !deal.isStop(page, member);
    if (!hasBothClasses(set, labelled.filter(trains))) return undefined;
  }
  return deal;
}

/** Folds of pages with a like share of each class; no stop pages for a member whom they would leave without a class to train on. */
function dealPages({ labels }: LabelledPages, labelled: readonly number[], dealing: Dealing): Deal {
  const units: LabelledPages = { labels, itemIds: Array.from(labels, (_, page) => page) };
  const folds = splitIntoFolds(units, groupCountOf(dealing), randomFrom(dealing.seed, stream.groups));
  const isOfGroup: Deal['isOfGroup'] = (page, member) => folds.foldOfPage[page] === member % folds.count;
  const mayStop = stopUnitsOf(units, dealing);
  const membersThatStop = Array.from({ length: dealing.memberCount }, (_, member) =>
    hasBothClasses(
      units,
      labelled.filter((page) => !isOfGroup(page, member) && !mayStop(page, member)),
    ),
  );
  return {
    by: 'page',
    units,
    isOfGroup,
    isStop: (page, member) => membersThatStop[member] === true && mayStop(page, member),
  };
}

/** A single member needs a group that it leaves out, too. */
const groupCountOf = ({ memberCount }: Dealing) => Math.max(2, memberCount);

function stopUnitsOf(units: LabelledPages, { seed, memberCount, stopShare }: Dealing): Deal['isStop'] {
  const ofMembers = Array.from({ length: memberCount }, (_, member) =>
    rememberedBy(units, (unit) => randomFrom(seed, stream.stop, member, unit).next() < stopShare),
  );
  return (page, member) => ofMembers[member]!(page);
}

/** What holds of a page by its item, worked out once an item. */
function rememberedBy<Value>({ itemIds }: LabelledPages, ask: (itemId: number) => Value): (page: number) => Value {
  const known = new Map<number, Value>();
  return (page) => {
    const itemId = itemIds[page]!;
    if (!known.has(itemId)) known.set(itemId, ask(itemId));
    return known.get(itemId)!;
  };
}

function hasBothClasses({ labels }: LabelledPages, pages: readonly number[]): boolean {
  return pages.some((page) => labels[page] === 'HQ') && pages.some((page) => labels[page] === 'LQ');
}
