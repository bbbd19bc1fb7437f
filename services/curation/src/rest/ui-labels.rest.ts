import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { labels } from '../domain/label.ts';
import type { Store } from '../store.ts';
import { pageIdSchema } from './labels.rest.ts';

const pageIdsMax = 200;

/** Which of some pages are labelled, and how: what the review shows beside a disputed label. */
export function addCurrentLabelsRoute(app: HttpApp, { store }: { store: Store }): void {
  app.get(
    '/v1/labels/current',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Current labels of the pages that are named',
        description: `Pages without a label are left out. Repeat the parameter, up to ${pageIdsMax} times.`,
        querystring: Type.Object({ pageId: Type.Array(pageIdSchema, { minItems: 1, maxItems: pageIdsMax }) }),
        response: {
          200: Type.Object({
            labels: Type.Array(Type.Object({ pageId: Type.Integer(), label: Type.String({ enum: [...labels] }) })),
          }),
        },
      },
    },
    async ({ query }) => {
      const current = await store.labels.currentOf(query.pageId);
      return { labels: [...current].map(([pageId, label]) => ({ pageId, label })) };
    },
  );
}
