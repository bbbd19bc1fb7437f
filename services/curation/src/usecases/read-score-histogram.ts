import { meanOf } from '@florilegium/ensemble/arithmetic';
import { failedPrecondition, notFound } from '@florilegium/errors';
import type { PageSetName } from '../domain/label.ts';
import { addJudged, addScore, emptyScoreBins, type ScoreBins } from '../domain/score-bins.ts';
import type { Store } from '../store.ts';

/** The scores of one set of an iteration's pages, with what people say of them now. @throws not_found, failed_precondition */
export async function readScoreHistogram(
  { store }: { store: Store },
  { number, pageSet }: { number: number; pageSet: PageSetName },
): Promise<ScoreBins> {
  const iteration = await store.iterations.find(number);
  if (!iteration) throw notFound('iteration', number);
  if (iteration.state !== 'review' && iteration.state !== 'closed')
    throw failedPrecondition(`iteration ${number} is ${iteration.state}: its predictions are not in yet`);
  const bins = emptyScoreBins();
  const predictions = await store.predictions.listOfSet(iteration.id, pageSet);
  const labels = await store.labels.currentOf(predictions.map(({ pageId }) => pageId));
  for (const { pageId, mean } of predictions) addScore(bins, mean, labels.get(pageId) ?? null);
  for (const { label, members } of await store.predictions.listJudged(iteration.id))
    addJudged(bins, meanOf(members), label);
  return bins;
}
