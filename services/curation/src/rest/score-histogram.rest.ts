import { notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import type { PageSetName } from '../domain/label.ts';
import { binCount, countPages, figuresAt, type ScoreBins } from '../domain/score-bins.ts';
import type { Store } from '../store.ts';
import { findFrozenList } from '../usecases/find-frozen-list.ts';
import { readScoreHistogram } from '../usecases/read-score-histogram.ts';
import { versionParams } from './hq-lists.rest.ts';
import { nullable } from './iteration-view.ts';

const shownBins = 100;
const count = Type.Integer();
const share = nullable(Type.Number());

const histogramSchema = Type.Object({
  pageCount: count,
  threshold: nullable(Type.Number({ description: 'The one that the list was cut at' })),
  judgedCount: Type.Integer({ description: 'Labels that the lower bounds rest on' }),
  bins: Type.Array(
    Type.Object({
      low: Type.Number(),
      high: Type.Number(),
      count: Type.Integer({ description: 'All pages with such a score' }),
      unlabelled: count,
      labelled: Type.Object({ HQ: count, LQ: count, NOT_SURE: count }),
    }),
  ),
  thresholds: Type.Array(
    Type.Object({
      threshold: Type.Number(),
      listedCount: Type.Integer({
        description: 'Pages labelled HQ, those without a score too, and pages without a label from the threshold on',
      }),
      expectedPrecision: share,
      expectedPrecisionLow: share,
      expectedRecall: share,
    }),
  ),
});

/** The scores of many pages in bins, and what a list cut at each threshold would be: for a threshold that is moved by hand. */
export function addScoreHistogramRoutes(app: HttpApp, { store }: { store: Store }): void {
  const description =
    'expectedPrecision is the mean of the calibrated P(HQ) of the pages that would be listed, labels first; expectedPrecisionLow a one-sided 95 % lower bound of it from labels, judged by members that never saw their book. Neither is an audit.';

  app.get(
    '/v1/iterations/:number/histogram',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "Scores of one of an iteration's page sets, and what thresholds would make of them",
        description: `${description} The set unlabelled is a fair draw of the candidates.`,
        params: Type.Object({ number: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }) }),
        querystring: Type.Object({
          pageSet: Type.String({ enum: ['unlabelled', 'train', 'stop'], default: 'unlabelled' }),
        }),
        response: { 200: histogramSchema },
      },
    },
    async ({ params, query }) =>
      viewBins(
        await readScoreHistogram({ store }, { number: params.number, pageSet: query.pageSet as PageSetName }),
        null,
      ),
  );

  app.get(
    '/v1/hq-lists/:version/histogram',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Scores of all candidates of a version, as they were when it was frozen',
        description,
        params: versionParams,
        response: { 200: histogramSchema },
      },
    },
    async ({ params }) => {
      const list = await findFrozenList(store, params.version);
      const bins = await store.hqLists.findScoreBins(list.id);
      if (!bins) throw notFound('scores of HQ list', list.version);
      return viewBins(bins, list.threshold);
    },
  );
}

function viewBins(bins: ScoreBins, threshold: number | null) {
  const step = binCount / shownBins;
  const sum = (counts: readonly number[], at: number) =>
    counts.slice(at * step, (at + 1) * step).reduce((total, value) => total + value, 0);
  return {
    pageCount: countPages(bins),
    threshold,
    judgedCount: bins.judged.reduce((total, value) => total + value, 0),
    bins: Array.from({ length: shownBins }, (_, at) => {
      const labelled = { HQ: sum(bins.HQ, at), LQ: sum(bins.LQ, at), NOT_SURE: sum(bins.NOT_SURE, at) };
      const unlabelled = sum(bins.unlabelled, at);
      return {
        low: at / shownBins,
        high: (at + 1) / shownBins,
        count: unlabelled + labelled.HQ + labelled.LQ + labelled.NOT_SURE,
        unlabelled,
        labelled,
      };
    }),
    thresholds: Array.from({ length: shownBins + 1 }, (_, at) => figuresAt(bins, at / shownBins)),
  };
}
