import { type HttpApp, idempotencyKeyOf } from '@florilegium/http';
import { Type } from 'typebox';
import { labels } from '../domain/label.ts';
import { type RecordLabelsDeps, recordLabels } from '../usecases/record-labels.ts';
import { undoLabel } from '../usecases/undo-label.ts';
import { nullable } from './iteration-view.ts';

export const pageIdSchema = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 });
const labelSchema = Type.String({ enum: [...labels] });
const queueSchema = Type.String({ pattern: '^[a-z][a-z0-9_-]{0,39}$' });

export const recordedSchema = Type.Object({
  recordedCount: Type.Integer(),
  refused: Type.Array(
    Type.Object({ index: Type.Integer(), pageId: Type.Integer(), code: Type.String(), message: Type.String() }),
  ),
});

export function addLabelRoutes(app: HttpApp, deps: RecordLabelsDeps): void {
  const { store } = deps;
  app.post(
    '/v1/labels',
    {
      config: { role: 'curator' },
      schema: {
        summary: 'Record labels',
        description:
          'Each label becomes an event. What cannot be recorded is refused by its index and does not stop the rest; all that is recorded is one transaction. With an Idempotency-Key a repeat changes nothing and has the same answer.',
        body: Type.Object(
          {
            labels: Type.Array(
              Type.Object(
                {
                  pageId: pageIdSchema,
                  label: Type.String({ description: 'HQ, LQ or NOT_SURE', maxLength: 100 }),
                  iteration: Type.Optional(
                    Type.Integer({ minimum: 1, description: 'The iteration whose guess was on the screen' }),
                  ),
                  tookMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400_000 })),
                  queue: Type.Optional(queueSchema),
                },
                { additionalProperties: false },
              ),
              { minItems: 1, maxItems: 500 },
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: recordedSchema },
      },
    },
    async (request) =>
      recordLabels(deps, {
        labels: request.body.labels,
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      }),
  );

  app.get(
    '/v1/labels',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Current labels in ascending PageID',
        querystring: Type.Object({
          label: Type.Optional(labelSchema),
          queue: Type.Optional(queueSchema),
          after: Type.Integer({ minimum: 0, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: {
          200: Type.Object({
            labels: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                label: labelSchema,
                by: Type.String(),
                at: Type.String({ format: 'date-time' }),
                queue: nullable(Type.String()),
              }),
            ),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async ({ query }) => {
      const current = await store.labels.listCurrent({
        ...query,
        label: labels.find((label) => label === query.label),
      });
      return {
        labels: current.map((label) => ({ ...label, at: label.at.toISOString() })),
        next: current.length === query.limit ? current.at(-1)!.pageId : null,
      };
    },
  );

  app.get(
    '/v1/labels/summary',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Labels in numbers',
        response: {
          200: Type.Object({
            pages: Type.Integer({ description: 'Pages with a current label' }),
            events: Type.Integer(),
            byLabel: Type.Object({ HQ: Type.Integer(), LQ: Type.Integer(), NOT_SURE: Type.Integer() }),
            askedCount: Type.Integer({ description: 'Labels given and not taken back' }),
            byQueue: Type.Record(Type.String(), Type.Integer()),
          }),
        },
      },
    },
    async () => store.labels.summarise(),
  );

  app.get(
    '/v1/labels/:pageId/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "A page's label events, the oldest first",
        params: Type.Object({ pageId: pageIdSchema }),
        response: {
          200: Type.Object({
            events: Type.Array(
              Type.Object({
                id: Type.Integer(),
                pageId: Type.Integer(),
                kind: Type.String({ enum: ['label', 'undo'] }),
                label: Type.Optional(Type.String()),
                undoes: Type.Optional(Type.Integer()),
                by: Type.String(),
                at: Type.String({ format: 'date-time' }),
                queue: Type.Optional(nullable(Type.String())),
                iteration: Type.Optional(nullable(Type.Integer())),
                tookMs: Type.Optional(nullable(Type.Integer())),
              }),
            ),
          }),
        },
      },
    },
    async ({ params }) => ({
      events: (await store.labels.listEvents(params.pageId)).map((event) => ({ ...event, at: event.at.toISOString() })),
    }),
  );

  app.post(
    '/v1/labels/:pageId/undo',
    {
      config: { role: 'curator' },
      schema: {
        summary: "Take back a page's current label",
        description:
          'The label before it, if any, stands again. With an Idempotency-Key a repeat takes back no second one and has the same answer.',
        params: Type.Object({ pageId: pageIdSchema }),
        response: {
          200: Type.Object({ pageId: Type.Integer(), undone: labelSchema, current: nullable(labelSchema) }),
        },
      },
    },
    async (request) =>
      undoLabel(deps, {
        pageId: request.params.pageId,
        by: request.principal.name,
        idempotencyKey: idempotencyKeyOf(request),
      }),
  );
}
