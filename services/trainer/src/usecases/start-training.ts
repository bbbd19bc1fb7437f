import { alreadyExists, messageOf, notFound, unavailable } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { v7 as uuidv7 } from 'uuid';
import {
  checkWish,
  isFaultOfRequest,
  parametersSha256,
  parseParameters,
  type Training,
  type TrainingWish,
  uuidPattern,
} from '../domain/training.ts';
import type { Store, Unit } from '../store.ts';
import { announceEnd } from './announce-end.ts';

export interface StartTrainingDeps {
  store: Store;
  log: Log;
}

/**
 * The training of a label set, method and parameters: the one that counts already, or a new one. What failed or was cancelled
 * before does not count. The same `requestKey` always answers with the same training, and is refused for another wish
 * (already_exists). Throws invalid_argument or not_found naming the field at fault.
 */
export async function startTraining(
  deps: StartTrainingDeps,
  wish: TrainingWish,
  requestKey: string | null,
): Promise<Training> {
  const { method, parameters } = checkWish(wish);
  const id = await deps.store.inTransaction((unit) => findOrInsert(unit, wish, requestKey, null));
  const training = (await deps.store.trainings.findTraining(id))!;
  if (
    training.labelSetId !== wish.labelSetId ||
    training.method !== method ||
    parametersSha256(training.parameters) !== parametersSha256(parameters)
  )
    throw alreadyExists(`the Idempotency-Key was used for another training, which is ${training.id}`, {
      field: 'Idempotency-Key',
    });
  return training;
}

export interface FrozenLabelSet {
  /** Of the event; the same event again changes nothing. */
  messageId: string;
  iterationId: string;
  labelSetId: string;
  method: string;
  parametersJson: string;
  parentEnsembleId: string | null;
}

/**
 * Starts the training of an iteration. A wish that cannot be fulfilled becomes a training that failed at once, so that the iteration
 * hears of it; an iteration that was cancelled meanwhile is told so. A training that is done already announces its ensemble again.
 */
export async function startIterationTraining(deps: StartTrainingDeps, frozen: FrozenLabelSet): Promise<void> {
  const { store, log } = deps;
  const { iterationId, labelSetId, method, parentEnsembleId } = frozen;
  const requestKey = `event:${frozen.messageId}`;
  const refuse = async (unit: Unit, state: 'failed' | 'cancelled', reason: string) => {
    const id = uuidv7();
    const added = await unit.trainings.insertTraining({
      id,
      ensembleId: uuidv7(),
      requestKey,
      labelSetId,
      iterationId,
      method,
      parameters: {},
      parametersSha256: parametersSha256({}),
      parentEnsembleId,
      memberCount: 0,
      ended: { state, reason },
    });
    if (added) await announceEnd(unit, (await unit.trainings.findTraining(id))!);
    log.warn({ trainingId: id, labelSetId, reason }, 'training refused');
  };
  try {
    const wish = { labelSetId, method, parameters: parseParameters(frozen.parametersJson), parentEnsembleId };
    await store.inTransaction(async (unit) => {
      await unit.trainings.lockIteration(iterationId);
      if (await unit.trainings.isCancelledIteration(iterationId))
        return await refuse(unit, 'cancelled', 'the iteration was cancelled');
      const id = await findOrInsert(unit, wish, requestKey, iterationId);
      // Bound first: the row is locked from then on, so a finish on its way either sees the iteration or is seen here as done.
      await unit.trainings.bindToIteration(id, iterationId);
      const training = (await unit.trainings.findTraining(id))!;
      if (training.state === 'done') await announceEnd(unit, training);
      log.info({ trainingId: id, labelSetId, state: training.state }, 'training of an iteration');
    });
  } catch (error) {
    if (!isFaultOfRequest(error)) throw error;
    const reason = error.field ? `${error.field}: ${messageOf(error)}` : messageOf(error);
    await store.inTransaction((unit) => refuse(unit, 'failed', reason));
  }
}

async function findOrInsert(
  unit: Unit,
  wish: TrainingWish,
  requestKey: string | null,
  iterationId: string | null,
): Promise<string> {
  const { trainings } = unit;
  const { method, parameters } = checkWish(wish);
  const sha256 = parametersSha256(parameters);
  const known = async () =>
    (requestKey && (await trainings.findByRequestKey(requestKey))) ||
    (await trainings.findWanted(wish.labelSetId, method, sha256));
  const found = await known();
  if (found) return found.id;
  const { parentEnsembleId } = wish;
  if (parentEnsembleId !== null) {
    const parent = uuidPattern.test(parentEnsembleId) ? await trainings.findByEnsemble(parentEnsembleId) : undefined;
    if (!parent?.result) throw notFound('ensemble', parentEnsembleId, { field: 'parentEnsembleId' });
  }
  const id = uuidv7();
  const added = await trainings.insertTraining({
    id,
    ensembleId: uuidv7(),
    requestKey,
    labelSetId: wish.labelSetId,
    iterationId,
    method,
    parameters,
    parametersSha256: sha256,
    parentEnsembleId,
    memberCount: parameters.memberCount,
  });
  if (!added) {
    // The same wish came twice at once, and the other one is committed by now.
    const other = await known();
    if (!other) throw unavailable('the same training ended while it was asked for again');
    return other.id;
  }
  await unit.enqueue('prepare', id, [{ number: 0 }]);
  return id;
}
