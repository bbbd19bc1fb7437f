import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import {
  countReviewQueues,
  queueDescriptions,
  queueNames,
  type ReviewQueueDeps,
  readReviewQueue,
} from '../usecases/read-review-queue.ts';
import { nullable } from './iteration-view.ts';

export function addReviewQueueRoutes(app: HttpApp, deps: ReviewQueueDeps): void {
  app.get(
    '/v1/review-queues',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What waits for a person',
        response: {
          200: Type.Object({
            queues: Type.Array(Type.Object({ name: Type.String(), count: Type.Integer(), description: Type.String() })),
          }),
        },
      },
    },
    async () => {
      const counts = await countReviewQueues(deps);
      return {
        queues: queueNames.map((name) => ({ name, count: counts[name], description: queueDescriptions[name] })),
      };
    },
  );

  app.get(
    '/v1/review-queues/:name',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The next pages of a queue, the most worthwhile first',
        params: Type.Object({ name: Type.Enum([...queueNames]) }),
        querystring: Type.Object({
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
          iteration: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1, description: 'The newest reviewed one when left out' }),
          ),
        }),
        response: {
          200: Type.Object({
            queue: Type.String(),
            iteration: nullable(Type.Integer()),
            pages: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                itemId: nullable(Type.Integer()),
                reason: Type.String(),
                worth: Type.Optional(Type.Number()),
                triageClass: Type.Optional(Type.String()),
                currentLabel: Type.Optional(Type.String()),
                prediction: Type.Optional(
                  Type.Object({
                    members: Type.Array(Type.Number()),
                    mean: Type.Number(),
                    entropy: Type.Number(),
                    disagreement: Type.Number(),
                    mutualInformation: Type.Number(),
                  }),
                ),
              }),
            ),
          }),
        },
      },
    },
    async ({ params, query }) => readReviewQueue(deps, { queue: params.name, ...query }),
  );
}
