import { isDeepStrictEqual } from 'node:util';
import { alreadyExists, failedPrecondition } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import { checkCanTrain, checkMayStart } from '../domain/iteration.ts';
import type { TriageRule } from '../domain/triage.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { Store } from '../store.ts';
import { type CopyPageSetsDeps, copyPageSets } from './copy-page-sets.ts';
import { announceLabelSet, moveTo } from './move-iteration.ts';

export interface StartIterationInput {
  method: string;
  parameters: Record<string, unknown>;
  triageRule: TriageRule;
  by: string;
  idempotencyKey?: string;
}

/**
 * Freezes the labels as they stand into label set N and has ensemble N trained. The iteration in review is closed by it.
 * @throws failed_precondition while another iteration is unfinished, or when one of the classes has no label; already_exists for a key that
 *   was used with other parameters
 */
export async function startIteration(
  deps: CopyPageSetsDeps & { store: Store },
  input: StartIterationInput,
): Promise<Iteration> {
  const pageSets = await copyPageSets(deps);
  if (!pageSets.some(({ name }) => name === 'train')) throw failedPrecondition('the page set train is not drawn yet');
  return await deps.store.inTransaction(async (tx) => {
    await tx.iterations.lockStart();
    const before = input.idempotencyKey && (await tx.iterations.findByKey(input.idempotencyKey));
    if (before) return sameIteration(before, input);
    const newest = await tx.iterations.findNewest();
    checkMayStart(newest);
    if (newest?.state === 'review') await moveTo(tx, newest, 'close');
    const number = (newest?.number ?? 0) + 1;
    const parent = await tx.iterations.findReviewedBefore(number);
    const id = uuidv7();
    await tx.iterations.add({
      id,
      number,
      startedBy: input.by,
      idempotencyKey: input.idempotencyKey ?? null,
      method: input.method,
      parameters: input.parameters,
      triageRule: input.triageRule,
      parentEnsembleId: parent?.ensembleId ?? null,
    });
    await tx.lockLabels('alone');
    const labelSet = await tx.labelSets.freeze(uuidv7(), number);
    checkCanTrain(labelSet.counts);
    await tx.iterations.setLabelSet(id, labelSet.id);
    const iteration = (await tx.iterations.lock(id))!;
    const frozen = await moveTo(tx, iteration, 'freeze');
    await announceLabelSet(tx, frozen);
    await moveTo(tx, frozen, 'train');
    return (await tx.iterations.find(number))!;
  });
}

function sameIteration(before: Iteration, { method, parameters, triageRule }: StartIterationInput): Iteration {
  const { number, method: m, parameters: p, triageRule: t } = before;
  if (m === method && isDeepStrictEqual(p, parameters) && isDeepStrictEqual(t, triageRule)) return before;
  throw alreadyExists(`the Idempotency-Key was used for iteration ${number}, which was asked for otherwise`, {
    field: 'Idempotency-Key',
  });
}
