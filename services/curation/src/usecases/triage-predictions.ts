import { labelConfidenceOf } from '@florilegium/ensemble/arithmetic';
import { curvesOf, type PagePrediction, verdictCurveOf } from '../domain/curves.ts';
import {
  defaultQueueRule,
  orderForReview,
  orderForSecondLook,
  type PageToReview,
  type QueueRule,
} from '../domain/review-queue.ts';
import {
  decides,
  entropyQuantile,
  type Opinion,
  opinionOf,
  reasonOf,
  type TriageClass,
  triageClasses,
  triageLabelled,
  triageUnlabelled,
} from '../domain/triage.ts';
import { verdictOf } from '../domain/verdict.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { TriagedPage } from '../repos/triage.repo.ts';
import type { TxStore } from '../store.ts';

/** Sorts an iteration's predictions into classes and queues, and computes its curves and verdict. All its sets are bounded by how they are drawn. */
export async function triagePredictions(tx: TxStore, iteration: Iteration): Promise<void> {
  const pool = [
    ...(await tx.predictions.listOfSet(iteration.id, 'train')),
    ...(await tx.predictions.listOfSet(iteration.id, 'unlabelled')),
  ];
  const frozen = new Set(await tx.predictions.listFrozenPageIds(iteration.id));
  const unlabelled = pool.filter(({ pageId }) => !frozen.has(pageId));
  const entropyThreshold =
    iteration.triageRule.entropyThreshold ??
    entropyQuantile(
      unlabelled.map(({ entropy }) => entropy),
      iteration.triageRule.entropyQuantile,
    );
  const seed = (await tx.pages.listPageSets()).find(({ name }) => name === 'train')?.seed ?? 1;
  const rule: QueueRule = {
    ...defaultQueueRule,
    randomShare: iteration.triageRule.randomShare,
    seed: `review ${seed} ${iteration.number}`,
  };
  const triaged = [
    ...sortUnlabelled(unlabelled, entropyThreshold, rule),
    ...(await sortLabelled(tx, iteration, entropyThreshold, rule)),
  ];
  await tx.triage.addAll(iteration.id, triaged);
  const triageCounts = Object.fromEntries(triageClasses.map((name) => [name, 0])) as Record<TriageClass, number>;
  for (const { triageClass } of triaged) triageCounts[triageClass]++;
  await tx.iterations.setTriage(iteration.id, {
    entropyThreshold,
    triageCounts,
    ...(await compare(tx, iteration)),
  });
}

function sortUnlabelled(pages: readonly PagePrediction[], entropyThreshold: number, rule: QueueRule): TriagedPage[] {
  const opinions = new Map<number, Opinion>();
  const toReview: PageToReview[] = pages.map(({ pageId, itemId, members, mean, entropy }) => {
    // Inference's own mean and entropy count, so that a page's figures are the same wherever they are read.
    const opinion: Opinion = { ...opinionOf(members), mean, entropy };
    opinions.set(pageId, opinion);
    return { pageId, itemId, triageClass: triageUnlabelled(opinion, entropyThreshold), worth: entropy };
  });
  const queued = new Map(orderForReview(toReview, rule).map((page, place) => [page.pageId, { place, by: page.by }]));
  return toReview.map(({ pageId, itemId, triageClass, worth }) => {
    const opinion = opinions.get(pageId)!;
    const inQueue = queued.get(pageId);
    const reason = reasonOf(triageClass, opinion);
    return {
      pageId,
      itemId,
      triageClass,
      queue: inQueue ? 'review' : null,
      place: inQueue?.place ?? null,
      reason: inQueue?.by === 'random' ? `drawn by lot; ${reason}` : reason,
      chosenBy: inQueue?.by ?? null,
      worth,
      ensembleLabel: decides(opinion.mean),
      label: null,
    };
  });
}

const secondLooks = [
  ['NOTSURE', 'notsure'],
  ['MISPREDICTION', 'misprediction'],
  ['UNCERTAIN', 'uncertain'],
] as const;

async function sortLabelled(
  tx: TxStore,
  iteration: Iteration,
  entropyThreshold: number,
  rule: QueueRule,
): Promise<TriagedPage[]> {
  const judged = (await tx.predictions.listJudged(iteration.id)).map((page) => ({
    ...page,
    opinion: opinionOf(page.members),
  }));
  return secondLooks.flatMap(([triageClass, queue]) => {
    const pages = judged
      .filter(({ label, opinion }) => triageLabelled(label, opinion, entropyThreshold) === triageClass)
      .map((page) => ({ ...page, triageClass, worth: worthOf(page), dissenting: page.opinion.dissenting }));
    const byId = new Map(pages.map((page) => [page.pageId, page]));
    // Only NOTSURE puts dissent first; in the other classes worth alone decides.
    const ordered = orderForSecondLook(
      pages.map((page) => ({ ...page, dissenting: triageClass === 'NOTSURE' ? page.dissenting : 0 })),
      rule,
    );
    return ordered.map(({ pageId }, place): TriagedPage => {
      const { itemId, label, opinion, worth } = byId.get(pageId)!;
      return {
        pageId,
        itemId,
        triageClass,
        queue,
        place,
        reason: reasonOf(triageClass, opinion, label),
        chosenBy: 'worth',
        worth,
        ensembleLabel: decides(opinion.mean),
        label,
      };
    });
  });
}

/**
 * What a second look at a label is worth: the less members that never saw the page's item believe it, the likelier it is an error (self-confidence
 * of confident learning); where none contradicts it, how unsure they are.
 */
function worthOf({
  label,
  members,
  opinion,
}: {
  label: 'HQ' | 'LQ' | 'NOT_SURE';
  members: readonly number[];
  opinion: Opinion;
}): number {
  if (label === 'NOT_SURE') return Math.abs(opinion.mean - 0.5);
  const isContradicted = members.some((member) => decides(member) !== label);
  return isContradicted ? 1 - labelConfidenceOf(label, members) : opinion.entropy;
}

async function compare(tx: TxStore, iteration: Iteration) {
  const before = await tx.iterations.findReviewedBefore(iteration.number);
  const ofSet = async (name: 'unlabelled' | 'stop') => ({
    now: await tx.predictions.listOfSet(iteration.id, name),
    before: before ? await tx.predictions.listOfSet(before.id, name) : [],
  });
  const curves = curvesOf({ unlabelled: await ofSet('unlabelled'), stop: await ofSet('stop') });
  const history = (await tx.iterations.list())
    .filter(({ number, curves: earlier }) => number < iteration.number && earlier !== null)
    .map(({ number, curves: earlier }) => verdictCurveOf(number, earlier!));
  const verdict = verdictOf([...history, verdictCurveOf(iteration.number, curves)]);
  return { curves, verdict };
}
