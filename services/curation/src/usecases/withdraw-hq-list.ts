import { failedPrecondition, messageOf, notFound } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { InferenceClient } from '../clients/inference.client.ts';
import { stateAfterWithdrawal } from '../domain/hq-list.ts';
import { metrics } from '../metrics.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

export interface WithdrawHqListDeps {
  store: Store;
  inference: Pick<InferenceClient, 'cancelPredictionRun'>;
  log: Log;
}

/**
 * Takes a list out of use with its reason. Pages of a frozen one stay readable: somebody may have built on them. One that is still being made is
 * cancelled, and its prediction run with it.
 */
export async function withdrawHqList(
  { store, inference, log }: WithdrawHqListDeps,
  { version, reason }: { version: number; reason: string },
): Promise<HqList> {
  const cancelledRunId = await store.inTransaction(async (tx) => {
    const list = await tx.hqLists.lockVersion(version);
    if (!list) throw notFound('HQ list', version);
    if (list.state === 'withdrawn' || list.state === 'cancelled') return null;
    const after = stateAfterWithdrawal(list.state);
    if (!after) throw failedPrecondition(`list ${version} is ${list.state}: there is nothing to withdraw`);
    await tx.hqLists.setState(list.id, after, reason);
    metrics.hqListMoved(after);
    return list.state === 'predicting' ? list.runId : null;
  });
  // The run would end by itself; stopping it only saves its work, so a failure here is no failure of the withdrawal.
  if (cancelledRunId !== null)
    await inference.cancelPredictionRun(cancelledRunId).catch((error: unknown) => {
      log.warn({ list: version, runId: cancelledRunId, reason: messageOf(error) }, 'prediction run not cancelled');
    });
  return (await store.hqLists.find(version))!;
}
