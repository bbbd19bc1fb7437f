import { createHash } from 'node:crypto';
import { meanOf } from '@florilegium/ensemble/arithmetic';
import { invalidArgument, unavailable } from '@florilegium/errors';
import { drawKey } from '@florilegium/random';
import type { InferenceClient } from '../clients/inference.client.ts';
import { SampleDraw, ScoreHistogram } from '../domain/audit-sample.ts';
import { listingOf } from '../domain/hq-list.ts';
import { addJudged, addScore, emptyScoreBins, figuresAt, type ScoreBins, thresholdFor } from '../domain/score-bins.ts';
import { metrics } from '../metrics.ts';
import type { DrawnStratum } from '../repos/audits.repo.ts';
import type { HqList, StagedCandidate } from '../repos/hq-lists.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { type DescribeListDeps, describePages } from './describe-pages.ts';
import { nothingOutside, type OutsideDraw } from './draw-outside.ts';
import { finishAudit } from './finish-audit.ts';

export interface FreezeHqListDeps extends DescribeListDeps {
  inference: Pick<InferenceClient, 'streamPredictions'>;
}

/** What was found out of a list before its pages are decided. */
export interface CollectedList {
  /** 0 where the list does not wait for its scores any more. */
  scoreCount: number;
  threshold: number;
  /** Candidates without a score, by what their image lacks. */
  images: { pending: number; unavailable: number };
}

const batchPages = 5000;
/**
 * Stories that the freezing transaction itself may ask for while labels wait for it: of pages that people labelled HQ after the stories were
 * collected. They are one call to the neighbours; only an import of labels names more, and then it is better to collect again.
 */
const lateStoriesMax = 500;

/**
 * Brings here what the list needs of its neighbours, outside the transaction that freezes it, so that labels wait only for that one: the
 * scores of all candidates, the stories of the pages that will be listed, and which candidates have no score and why.
 * @throws invalid_argument when no threshold reaches the target precision: asking again would not help
 */
export async function collectList(deps: FreezeHqListDeps, listId: string, signal: AbortSignal): Promise<CollectedList> {
  const { store, inference } = deps;
  const list = await store.hqLists.findById(listId);
  if (list?.state !== 'predicting' || !list.runId)
    return { scoreCount: 0, threshold: 1, images: { pending: 0, unavailable: 0 } };
  await store.hqLists.clearScores(listId);
  await store.hqListStories.clearStories(listId);
  let scoreCount = 0;
  for await (const predictions of inference.streamPredictions(list.runId, signal)) {
    await store.hqLists.putScores(listId, predictions);
    scoreCount += predictions.length;
  }
  const threshold = list.targetPrecision === null ? list.threshold! : await chooseThreshold(store, list);
  const images = await stageUnscored(deps, list, signal);
  for await (const part of readStaged(store, listId)) {
    signal.throwIfAborted();
    const listed = part.filter(({ probability, label }) => listingOf(probability, threshold, label).listed);
    await describePages(
      deps,
      listId,
      listed.map(({ pageId }) => pageId),
    );
  }
  return { scoreCount, threshold, images };
}

async function chooseThreshold(store: Store, list: HqList): Promise<number> {
  const bins = await binsOf(store, list);
  for await (const part of readStaged(store, list.id))
    for (const { probability, label } of part) addScore(bins, probability, label);
  const { isReached, figures } = thresholdFor(bins, list.targetPrecision!);
  if (isReached) return figures!.threshold;
  const best = figures ? `; ${figures.expectedPrecision!.toFixed(3)} at ${figures.threshold} comes nearest` : '';
  throw invalidArgument(`no threshold is expected to reach a precision of ${list.targetPrecision}${best}`, {
    field: 'targetPrecision',
  });
}

/** Bins that know what the labels of the list's label set say of the scores. */
async function binsOf(store: Pick<Store, 'iterations' | 'predictions'>, list: HqList): Promise<ScoreBins> {
  const bins = emptyScoreBins();
  const iteration = list.iterationNumber === null ? undefined : await store.iterations.find(list.iterationNumber);
  if (iteration)
    for (const { label, members } of await store.predictions.listJudged(iteration.id))
      addJudged(bins, meanOf(members), label);
  return bins;
}

/**
 * Stages the candidates without a score, which a label may list, and counts them: one has no image that can be used, or has none yet, and the second must
 * not pass for the first.
 */
async function stageUnscored(
  { store, catalog, fetcher }: FreezeHqListDeps,
  list: HqList,
  signal: AbortSignal,
): Promise<{ pending: number; unavailable: number }> {
  const counts = { pending: 0, unavailable: 0 };
  for await (const pageIds of catalog.streamCandidates(list.rule, signal)) {
    const scored = await store.hqLists.findScored(list.id, pageIds);
    const unscored = pageIds.filter((pageId) => !scored.has(pageId));
    if (unscored.length === 0) continue;
    await store.hqLists.putUnscored(list.id, unscored);
    // One that was stored after the run had passed it came too late for this list, as one that is still to come.
    for (const { state } of await fetcher.findImages(unscored))
      counts[state === 'unavailable' ? 'unavailable' : 'pending']++;
  }
  return counts;
}

/**
 * In the transaction that ends the work: decides each candidate by label or score, writes the pages, draws the audit's sample. Two passes
 * over the candidates, a few thousand at a time: the sample's strata are known only after the first. Pages that a label listed after the
 * stories were asked for get theirs here.
 * @throws unavailable when not all collected scores or stories are here: the scores' table does not outlive a crash of PostgreSQL, and a worker
 *   that was taken for dead may have emptied it. The work begins again.
 */
export async function freezeHqList(
  neighbours: Pick<FreezeHqListDeps, 'catalog' | 'fetcher'>,
  tx: TxStore,
  listId: string,
  { scoreCount, threshold, images }: CollectedList,
  outside: OutsideDraw = nothingOutside,
): Promise<void> {
  const list = await tx.hqLists.lock(listId);
  if (list?.state !== 'predicting') return;
  await tx.lockLabels('alone');
  const cut = { ...list, threshold };
  const histogram = new ScoreHistogram();
  const bins = await binsOf(tx, list);
  const candidates = createHash('sha256');
  const pages = createHash('sha256');
  const counts = { candidateCount: 0, pageCount: 0, labelledHqCount: 0 };
  let unscoredCount = 0;
  for await (const part of readStaged(tx, listId)) {
    const listed: { pageId: number; probability: number | null; chosenBy: 'label' | 'score' }[] = [];
    for (const { pageId, probability, label } of part) {
      const decision = listingOf(probability, threshold, label);
      addScore(bins, probability, label);
      if (probability === null) unscoredCount++;
      else {
        candidates.update(`${pageId}\n`);
        counts.candidateCount++;
        if (label === null) histogram.add({ pageId, probability, listed: decision.listed });
      }
      if (!decision.listed) continue;
      listed.push({ pageId, probability, chosenBy: decision.by });
      pages.update(`${pageId}\n`);
      if (decision.by === 'label') counts.labelledHqCount++;
    }
    await tx.hqLists.addPages(listId, counts.pageCount, listed);
    counts.pageCount += listed.length;
  }
  if (counts.candidateCount !== scoreCount)
    throw unavailable(`${counts.candidateCount} of ${scoreCount} collected scores are left`);
  if (unscoredCount !== images.pending + images.unavailable)
    throw unavailable(`${unscoredCount} of ${images.pending + images.unavailable} candidates without a score are left`);
  const untold = await tx.hqListStories.keepStoriesOfPages(listId, lateStoriesMax + 1);
  if (untold.length > lateStoriesMax) throw unavailable(`over ${lateStoriesMax} pages of the list have no story yet`);
  await describePages({ ...neighbours, store: tx }, listId, untold);
  const auditCount = await drawAudit(tx, cut, histogram, outside);
  const { expectedPrecision, expectedPrecisionLow } = figuresAt(bins, threshold);
  await tx.hqLists.setFrozen(listId, {
    ...counts,
    candidatesSha256: candidates.digest('hex'),
    pagesSha256: pages.digest('hex'),
    auditCount,
    threshold,
    expectedPrecision,
    expectedPrecisionLow,
    scoreBins: bins,
  });
  await tx.hqLists.setImageCounts(listId, images);
  await tx.hqLists.clearScores(listId);
  await tx.hqLists.setState(listId, 'auditing');
  await tx.enqueue('store-list', listId, [0]);
  metrics.hqListMoved('auditing');
  // Without a sample there is nothing to wait for: the list is published as it is, and says that nobody audited it.
  if (auditCount === 0) await finishAudit(tx, (await tx.hqLists.lock(listId))!);
}

async function drawAudit(
  tx: TxStore,
  list: HqList & { threshold: number },
  histogram: ScoreHistogram,
  outside: OutsideDraw,
): Promise<number> {
  // What the reservoir could not give is drawn among the candidates.
  const draw = new SampleDraw(histogram.cut(list.auditCount - outside.pageIds.length), list.seed);
  for await (const part of readStaged(tx, list.id))
    for (const { pageId, probability, label } of part)
      if (label === null && probability !== null)
        draw.offer({ pageId, probability, listed: listingOf(probability, list.threshold, null).listed });
  const strata: (DrawnStratum & { pageIds: number[] })[] = draw
    .result()
    .map((stratum) => ({ ...stratum, outside: false }));
  if (outside.pageIds.length > 0)
    strata.push({ number: strata.length + 1, listed: false, outside: true, low: 0, high: 1, ...outside });
  const order = strata
    .flatMap(({ number, pageIds }) => pageIds.map((pageId) => ({ pageId, stratum: number })))
    .sort((a, b) => drawKey(`${list.seed} order`, a.pageId) - drawKey(`${list.seed} order`, b.pageId));
  if (order.length === 0) return 0;
  await tx.audits.add(
    list.id,
    strata,
    order.map((page, place) => ({ ...page, place })),
  );
  return order.length;
}

async function* readStaged(store: Pick<Store, 'hqLists'>, listId: string): AsyncGenerator<StagedCandidate[]> {
  let after = 0;
  for (;;) {
    const part = await store.hqLists.readStaged(listId, after, batchPages);
    if (part.length === 0) return;
    yield part;
    after = part.at(-1)!.pageId;
  }
}
