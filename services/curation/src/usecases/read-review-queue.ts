import { failedPrecondition, notFound } from '@florilegium/errors';
import type { FetcherClient } from '../clients/fetcher.client.ts';
import type { Label } from '../domain/label.ts';
import { orderInitialPages } from '../domain/review-queue.ts';
import type { TriageClass } from '../domain/triage.ts';
import type { StoredPrediction } from '../repos/predictions.repo.ts';
import type { ReviewQueue } from '../repos/triage.repo.ts';
import type { Store } from '../store.ts';
import { type CopyPageSetsDeps, copyPageSets } from './copy-page-sets.ts';

export const queueNames = ['initial', 'review', 'notsure', 'misprediction', 'uncertain', 'audit'] as const;
export type QueueName = (typeof queueNames)[number];

export const queueDescriptions: Record<QueueName, string> = {
  initial: 'Pages of the train set without a label, at random over all books; shown without any guess',
  review: 'Unlabelled pages whose label teaches most, spread over books, with a share drawn by lot',
  notsure: 'Pages labelled NOT_SURE of which the ensemble is sure',
  misprediction: 'Labels that members of the ensemble contradict which never saw the book',
  uncertain: 'Labels that the ensemble agrees with without being sure',
  audit: 'The sample that measures the newest list; shown without any guess',
};

export interface QueuePage {
  pageId: number;
  itemId: number | null;
  reason: string;
  worth?: number;
  triageClass?: TriageClass;
  currentLabel?: Label;
  prediction?: Omit<StoredPrediction, 'pageId'>;
}

export interface ReviewQueueDeps extends CopyPageSetsDeps {
  store: Store;
  fetcher: Pick<FetcherClient, 'findPagesWithImage'>;
}

export interface QueueContent {
  queue: QueueName;
  iteration: number | null;
  pages: QueuePage[];
}

/** The next pages of a queue, the most worthwhile first. Pages without an image are in no queue. */
export async function readReviewQueue(
  deps: ReviewQueueDeps,
  { queue, limit, iteration }: { queue: QueueName; limit: number; iteration?: number },
): Promise<QueueContent> {
  if (queue === 'initial') return { queue, iteration: null, pages: await readInitial(deps, limit) };
  if (queue === 'audit') return { queue, iteration: null, pages: await readAudit(deps, limit) };
  return await readTriaged(deps, queue, limit, iteration);
}

/** How many pages wait in each queue, no more than it would show; those of review are of the newest reviewed iteration. */
export async function countReviewQueues(deps: ReviewQueueDeps): Promise<Record<QueueName, number>> {
  const { store } = deps;
  const [initial, newest, auditing] = await Promise.all([
    readInitial(deps, Number.POSITIVE_INFINITY),
    store.iterations.findNewestReviewed(),
    store.hqLists.findAuditing(),
  ]);
  const triaged = newest
    ? await store.triage.countQueues(newest.id)
    : { review: 0, notsure: 0, misprediction: 0, uncertain: 0 };
  return {
    initial: initial.length,
    ...triaged,
    audit: auditing ? await store.audits.countWaiting(auditing.id) : 0,
  };
}

async function readInitial(deps: ReviewQueueDeps, limit: number): Promise<QueuePage[]> {
  const pageSets = await copyPageSets(deps);
  const seed = pageSets.find(({ name }) => name === 'train')?.seed ?? 1;
  const ordered = orderInitialPages(await deps.store.pages.listUnlabelledOfTrain(), `initial ${seed}`);
  const pages: QueuePage[] = [];
  // Fetcher answers for at most 500 pages at a time; the set is bounded by how it is drawn.
  const stepPages = Math.min(500, Math.max(50, limit));
  for (let start = 0; start < ordered.length && pages.length < limit; start += stepPages) {
    const part = ordered.slice(start, start + stepPages);
    const shown = await deps.fetcher.findPagesWithImage(part.map(({ pageId }) => pageId));
    for (const { pageId, itemId } of part)
      if (shown.has(pageId)) pages.push({ pageId, itemId, reason: 'drawn by lot from the train set' });
  }
  return pages.slice(0, limit);
}

async function readAudit({ store }: ReviewQueueDeps, limit: number): Promise<QueuePage[]> {
  const list = await store.hqLists.findAuditing();
  if (!list) return [];
  const reason = `drawn by lot for the audit of list ${list.version}`;
  return (await store.audits.readQueue(list.id, limit)).map(({ pageId, itemId }) => ({ pageId, itemId, reason }));
}

async function readTriaged(
  { store }: ReviewQueueDeps,
  queue: ReviewQueue,
  limit: number,
  number: number | undefined,
): Promise<QueueContent> {
  const iteration =
    number === undefined ? await store.iterations.findNewestReviewed() : await store.iterations.find(number);
  if (!iteration) {
    if (number !== undefined) throw notFound('iteration', number);
    return { queue, iteration: null, pages: [] };
  }
  if (iteration.state !== 'review' && iteration.state !== 'closed')
    throw failedPrecondition(`iteration ${iteration.number} is ${iteration.state}: its queues are not there yet`);
  const triaged = await store.triage.readQueue(iteration.id, queue, limit);
  const pageIds = triaged.map(({ pageId }) => pageId);
  const [predictions, labels] = await Promise.all([
    store.predictions.find(iteration.id, pageIds),
    store.labels.currentOf(pageIds),
  ]);
  const pages = triaged.map(({ pageId, itemId, reason, worth, triageClass }): QueuePage => {
    const { pageId: _, ...prediction } = predictions.get(pageId) ?? { pageId };
    const currentLabel = labels.get(pageId);
    return {
      pageId,
      itemId,
      reason,
      worth,
      triageClass,
      ...(currentLabel ? { currentLabel } : {}),
      ...('members' in prediction ? { prediction } : {}),
    };
  });
  return { queue, iteration: iteration.number, pages };
}
