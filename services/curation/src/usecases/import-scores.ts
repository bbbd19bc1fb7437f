import { createInterface } from 'node:readline';
import { AppError, failedPrecondition, internal, messageOf } from '@florilegium/errors';
import type { ObjectStore } from '@florilegium/object-store';
import type { OutOfFoldScore } from '../repos/predictions.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { finishPredicting } from './finish-predicting.ts';

export interface ImportScoresDeps {
  store: Store;
  objects: Pick<ObjectStore, 'getStream'>;
}

const batchPages = 500;

/**
 * Reads an iteration's out-of-fold scores, one JSON object a line: {pageId, members: [P(HQ) or null], …}; null stands for a member
 * that has seen the page's item. A stream whose bytes do not hash to what the event said is an error.
 */
export async function importScores({ store, objects }: ImportScoresDeps, iterationId: string): Promise<void> {
  const iteration = await store.iterations.findById(iterationId);
  if (iteration?.state !== 'predicting' || !iteration.outOfFoldKey || !iteration.outOfFoldSha256) return;
  let stream: Awaited<ReturnType<ObjectStore['getStream']>>['stream'];
  try {
    ({ stream } = await objects.getStream(iteration.outOfFoldKey, { sha256: iteration.outOfFoldSha256 }));
  } catch (error) {
    // A store on another volume may show the object a moment later than the event.
    if (error instanceof AppError && error.code === 'not_found')
      throw failedPrecondition(`the out-of-fold scores are not in the object store: ${messageOf(error)}`);
    throw error;
  }
  let batch: OutOfFoldScore[] = [];
  const flush = async () => {
    await store.predictions.putOutOfFold(iterationId, batch);
    batch = [];
  };
  // readline does not pass on what goes wrong below it.
  let broken: unknown;
  stream.on('error', (error) => {
    broken = error;
  });
  let number = 0;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line === '') continue;
    const score = parseScore(line, number);
    if (score.members.length > 0) batch.push(score);
    if (batch.length >= batchPages) await flush();
  }
  if (broken !== undefined)
    throw internal(`the out-of-fold scores cannot be read: ${messageOf(broken)}`, { cause: broken });
  await flush();
}

/** In the transaction that ends the work: the scores are in, and the iteration may be ready for review. */
export async function markScoresImported(tx: TxStore, iterationId: string): Promise<void> {
  const iteration = await tx.iterations.lock(iterationId);
  if (iteration?.state !== 'predicting') return;
  await tx.iterations.setScoresImported(iterationId);
  await finishPredicting(tx, { ...iteration, scoresImported: true });
}

function parseScore(line: string, number: number): OutOfFoldScore {
  let value: { pageId?: unknown; members?: unknown };
  try {
    value = JSON.parse(line) as typeof value;
  } catch (error) {
    throw internal(`line ${number} of the out-of-fold scores is not JSON`, { cause: error });
  }
  const { pageId, members } = value;
  if (!Number.isInteger(pageId) || !Array.isArray(members))
    throw internal(`line ${number} of the out-of-fold scores has no pageId or members`);
  return { pageId: pageId as number, members: members.filter((member) => typeof member === 'number') };
}
