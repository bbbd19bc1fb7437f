import { notFound } from '@florilegium/errors';
import { followChanges } from '@florilegium/http';
import { hasEnded, type MemberRecord, type Training, uuidPattern } from '../domain/training.ts';
import type { Epoch } from '../repos/trainings.repo.ts';
import type { Store } from '../store.ts';

export interface ReadTrainingsDeps {
  store: Pick<Store, 'trainings'>;
}

/** Throws not_found, for ids that are no UUID too. */
export async function getTraining({ store }: ReadTrainingsDeps, id: string): Promise<Training> {
  const training = uuidPattern.test(id) ? await store.trainings.findTraining(id) : undefined;
  if (!training) throw notFound('training', id);
  return training;
}

/** Those that are trained, in member order. */
export async function listMembers({ store }: ReadTrainingsDeps, id: string): Promise<MemberRecord[]> {
  return await store.trainings.listMembers(id);
}

/** Newest first, those after the cursor; one more than a page tells whether there is a next. */
export async function listTrainings(
  { store }: ReadTrainingsDeps,
  { after, limit }: { after: string | undefined; limit: number },
): Promise<{ trainings: Training[]; next: string | null }> {
  const found = await store.trainings.listTrainings(after, limit + 1);
  const trainings = found.slice(0, limit);
  return { trainings, next: found.length > limit ? trainings.at(-1)!.id : null };
}

export type TrainingNews = { kind: 'epoch'; epoch: Epoch } | { kind: 'training'; training: Training };

/** Epochs a poll shows at most; the rest comes with the next. */
const epochsMax = 1000;

/** The training now and each time it has changed, until it has ended; with every epoch of every member in between. */
export async function* followTraining(
  deps: ReadTrainingsDeps,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<TrainingNews> {
  let serial = 0;
  let told = '';
  const read = async () => {
    const training = await getTraining(deps, id);
    return { training, epochs: await deps.store.trainings.listEpochs(id, serial, epochsMax) };
  };
  type News = Awaited<ReturnType<typeof read>>;
  const ended = ({ training, epochs }: News) => hasEnded(training.state) && epochs.length < epochsMax;
  for await (const { training, epochs } of followChanges({ read, ended, signal })) {
    for (const { serial: latest, ...epoch } of epochs) {
      serial = latest;
      yield { kind: 'epoch', epoch };
    }
    const text = JSON.stringify(training);
    if (text !== told) yield { kind: 'training', training };
    told = text;
  }
}
