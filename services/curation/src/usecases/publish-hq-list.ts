import { alreadyExists, failedPrecondition, invalidArgument } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { checkMayPublish } from '../domain/hq-list.ts';
import { metrics } from '../metrics.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store, TxStore } from '../store.ts';

export interface PublishHqListInput {
  rule: string;
  /** Calibrated P(HQ) from which a page without a label is listed; or the precision for which it is to be chosen. */
  cut: { threshold: number } | { targetPrecision: number };
  /** Pages that the audit shall look at in all. */
  auditCount: number;
  /** How many of them outside the candidates; a sixth where nobody says. */
  outsideCount?: number;
  by: string;
  idempotencyKey?: string;
}

/**
 * Begins the next version of the list with the newest reviewed ensemble: every candidate of the rule is predicted first.
 * @throws not_found for an unknown rule; failed_precondition while another list is unfinished, or before the first iteration is reviewed; already_exists for a key that
 *   was used for another list
 */
export async function publishHqList(
  { store, catalog }: { store: Store; catalog: Pick<CatalogClient, 'getRule'> },
  input: PublishHqListInput,
): Promise<HqList> {
  const outsideCount = outsideCountOf(input);
  // An audit that looks at no candidate says nothing of the list.
  if (outsideCount > 0 && outsideCount >= input.auditCount)
    throw invalidArgument(`leaves none of the audit's ${input.auditCount} pages to the candidates`, {
      field: 'outsideCount',
    });
  const rule = await catalog.getRule(input.rule);
  return await store.inTransaction(async (tx) => {
    await tx.hqLists.lockStart();
    const before = input.idempotencyKey && (await tx.hqLists.findByKey(input.idempotencyKey));
    if (before) return sameList(before, input);
    checkMayPublish(await tx.hqLists.findUnfinished());
    const newest = await tx.hqLists.findNewest();
    const iteration = await tx.iterations.findNewestReviewed();
    if (!iteration?.ensembleId) throw failedPrecondition('no iteration has been reviewed yet');
    const id = uuidv7();
    const version = (newest?.version ?? 0) + 1;
    const seed = (await tx.pages.listPageSets()).find(({ name }) => name === 'train')?.seed ?? 1;
    await tx.hqLists.add({
      id,
      version,
      rule: input.rule,
      ruleVersion: rule.version,
      ruleSha256: rule.sha256,
      threshold: null,
      targetPrecision: null,
      ...input.cut,
      auditCount: input.auditCount,
      outsideCount,
      iterationNumber: iteration.number,
      ensembleId: iteration.ensembleId,
      modelSha256: iteration.manifestSha256 ?? '',
      labelSetId: iteration.labelSetId ?? '',
      labelSetSha256: iteration.labelSetSha256 ?? '',
      seed: `audit ${seed} ${version}`,
      startedBy: input.by,
      idempotencyKey: input.idempotencyKey ?? null,
    });
    await tx.enqueue('predict-list', id, [0]);
    metrics.hqListMoved('predicting');
    return (await tx.hqLists.find(version))!;
  });
}

/** Twice as many are asked of fetcher, which takes 500 pages a call: some have no image. */
const outsideCountMax = 250;

/** A sixth: enough to bound the share of HQ pages that the rule never offered, at little cost to what is said of the list itself. */
const outsideCountOf = ({ auditCount, outsideCount }: PublishHqListInput) =>
  outsideCount ?? Math.min(outsideCountMax, Math.floor(auditCount / 6));

function sameList(before: HqList, input: PublishHqListInput): HqList {
  const { rule, cut, auditCount } = input;
  // Once frozen, the row holds how many pages the audit drew, which may be fewer than were asked for.
  const isSameAudit = before.frozenAt !== null || before.auditCount === auditCount;
  const isSameOutside = before.outsideCount === outsideCountOf(input);
  // A target's threshold is found out later.
  const isSameCut =
    'threshold' in cut
      ? before.targetPrecision === null && before.threshold === cut.threshold
      : before.targetPrecision === cut.targetPrecision;
  const isSame = before.origin === 'published' && before.rule === rule && isSameCut && isSameAudit && isSameOutside;
  if (isSame) return before;
  throw alreadyExists(`the Idempotency-Key was used for list ${before.version}, which was asked for otherwise`, {
    field: 'Idempotency-Key',
  });
}

/** A list whose pages could not be found out. */
export async function failHqList(tx: TxStore, listId: string, reason: string): Promise<void> {
  const list = await tx.hqLists.lock(listId);
  if (list?.state !== 'predicting' && list?.state !== 'importing') return;
  await tx.hqLists.setState(listId, 'failed', reason);
  metrics.hqListMoved('failed');
}
