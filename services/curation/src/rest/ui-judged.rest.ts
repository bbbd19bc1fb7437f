import { notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { countJudged } from '../domain/judged-bins.ts';
import type { Store } from '../store.ts';

const binCount = 100;
const count = Type.Integer();

/** What the iterations view draws its confusion from. */
export function addJudgedRoute(app: HttpApp, { store }: { store: Store }): void {
  app.get(
    '/v1/iterations/:number/judged',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The frozen labels of an iteration by what members that never saw the book say',
        description: `Counts in ${binCount} bins of the mean P(HQ); empty before the out-of-fold scores are in.`,
        params: Type.Object({ number: Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 }) }),
        response: {
          200: Type.Object({
            bins: Type.Array(
              Type.Object({
                low: Type.Number(),
                high: Type.Number(),
                labelled: Type.Object({ HQ: count, LQ: count, NOT_SURE: count }),
              }),
            ),
          }),
        },
      },
    },
    async ({ params }) => {
      const iteration = await store.iterations.find(params.number);
      if (!iteration) throw notFound('iteration', params.number);
      return { bins: countJudged(await store.predictions.listJudged(iteration.id), binCount) };
    },
  );
}
