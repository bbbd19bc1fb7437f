import { createHash } from 'node:crypto';
import { unavailable } from '@florilegium/errors';
import { drawKey } from '@florilegium/random';
import type { InferenceClient } from '../clients/inference.client.ts';
import { SampleDraw, type Scored, ScoreHistogram } from '../domain/audit-sample.ts';
import { listingOf } from '../domain/hq-list.ts';
import { metrics } from '../metrics.ts';
import type { DrawnStratum } from '../repos/audits.repo.ts';
import type { HqList, ScoredCandidate } from '../repos/hq-lists.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { nothingOutside, type OutsideDraw } from './draw-outside.ts';
import { finishAudit } from './finish-audit.ts';

export interface FreezeHqListDeps {
  store: Store;
  inference: Pick<InferenceClient, 'streamPredictions'>;
}

const batchPages = 5000;

/**
 * Brings the scores of all candidates here, outside the transaction that freezes the list, so that labels wait only for that one.
 * @returns how many; 0 where the list does not wait for them any more
 */
export async function collectListScores(
  { store, inference }: FreezeHqListDeps,
  listId: string,
  signal: AbortSignal,
): Promise<number> {
  const list = await store.hqLists.findById(listId);
  if (list?.state !== 'predicting' || !list.runId) return 0;
  let count = 0;
  await store.hqLists.clearScores(listId);
  for await (const predictions of inference.streamPredictions(list.runId, signal)) {
    await store.hqLists.putScores(listId, predictions);
    count += predictions.length;
  }
  return count;
}

/**
 * In the transaction that ends the work: decides each candidate by label or score, writes the pages, draws the audit's sample. Two passes
 * over the candidates, a few thousand at a time: the sample's strata are known only after the first.
 * @throws unavailable when not all `collectedCount` scores are here any more: their table does not outlive a crash of PostgreSQL, and a
 *   worker that was taken for dead may have emptied it. The work begins again.
 */
export async function freezeHqList(
  tx: TxStore,
  listId: string,
  collectedCount: number,
  outside: OutsideDraw = nothingOutside,
): Promise<void> {
  const list = await tx.hqLists.lock(listId);
  if (list?.state !== 'predicting') return;
  await tx.lockLabels('alone');
  const histogram = new ScoreHistogram();
  const candidates = createHash('sha256');
  const pages = createHash('sha256');
  const counts = { candidateCount: 0, pageCount: 0, labelledHqCount: 0 };
  for await (const part of readScored(tx, listId)) {
    const listed: { pageId: number; probability: number; chosenBy: 'label' | 'score' }[] = [];
    for (const candidate of part) {
      candidates.update(`${candidate.pageId}\n`);
      counts.candidateCount++;
      const decision = listingOf(candidate.probability, list.threshold, candidate.label);
      if (candidate.label === null) histogram.add(toScored(candidate, decision.listed));
      if (!decision.listed) continue;
      listed.push({ pageId: candidate.pageId, probability: candidate.probability, chosenBy: decision.by });
      pages.update(`${candidate.pageId}\n`);
      counts.pageCount++;
      if (decision.by === 'label') counts.labelledHqCount++;
    }
    await tx.hqLists.addPages(listId, listed);
  }
  if (counts.candidateCount !== collectedCount)
    throw unavailable(`${counts.candidateCount} of ${collectedCount} collected scores are left`);
  const auditCount = await drawAudit(tx, list, histogram, outside);
  await tx.hqLists.setFrozen(listId, {
    ...counts,
    candidatesSha256: candidates.digest('hex'),
    pagesSha256: pages.digest('hex'),
    auditCount,
  });
  await tx.hqLists.clearScores(listId);
  await tx.hqLists.setState(listId, 'auditing');
  metrics.hqListMoved('auditing');
  // Without a sample there is nothing to wait for: the list is published as it is, and says that nobody audited it.
  if (auditCount === 0) await finishAudit(tx, (await tx.hqLists.lock(listId))!);
}

async function drawAudit(tx: TxStore, list: HqList, histogram: ScoreHistogram, outside: OutsideDraw): Promise<number> {
  // What the reservoir could not give is drawn among the candidates.
  const draw = new SampleDraw(histogram.cut(list.auditCount - outside.pageIds.length), list.seed);
  for await (const part of readScored(tx, list.id))
    for (const candidate of part)
      if (candidate.label === null)
        draw.offer(toScored(candidate, listingOf(candidate.probability, list.threshold, null).listed));
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

const toScored = ({ pageId, probability }: ScoredCandidate, listed: boolean): Scored => ({
  pageId,
  probability,
  listed,
});

async function* readScored(tx: TxStore, listId: string): AsyncGenerator<ScoredCandidate[]> {
  let after = 0;
  for (;;) {
    const part = await tx.hqLists.readScored(listId, after, batchPages);
    if (part.length === 0) return;
    yield part;
    after = part.at(-1)!.pageId;
  }
}
