import { Readable } from 'node:stream';
import { invalidArgument } from '@florilegium/errors';
import { type HttpApp, idempotencyKeyOf } from '@florilegium/http';
import { Type } from 'typebox';
import { labels } from '../domain/label.ts';
import { exportLabelEvents } from '../usecases/export-label-events.ts';
import { exportLabels } from '../usecases/export-labels.ts';
import { importLabels } from '../usecases/import-labels.ts';
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

export const numberingSchema = Type.Object({
  zero: Type.Union([Type.Literal('HQ'), Type.Literal('LQ')], {
    default: 'HQ',
    description: "The label that 0 stands for, in the reference project's files HQ; 1 is the other one, 2 NOT_SURE",
  }),
});
const asOfSchema = Type.Optional(
  Type.String({ maxLength: 40, description: 'As the labels stood at this time (RFC 3339); now when left out' }),
);
/** 280,000 labels are some 5 MB. */
const labelFileBytesMax = 32 << 20;
const personSchema = Type.String({ minLength: 1, maxLength: 200 });
const timeSchema = Type.String({ format: 'date-time' });

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
                    Type.Integer({
                      minimum: 1,
                      maximum: 2 ** 31 - 1,
                      description: 'The iteration whose guess was on the screen',
                    }),
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
          by: Type.Optional(personSchema),
          asOf: asOfSchema,
          after: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 }),
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
        asOf: toDate(query.asOf),
        label: labels.find((label) => label === query.label),
      });
      return {
        labels: current.map((label) => ({ ...label, at: label.at.toISOString() })),
        next: current.length === query.limit ? current.at(-1)!.pageId : null,
      };
    },
  );

  app.get(
    '/v1/labels/file',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "Current labels as the reference project's labels file",
        description: 'A JSON object {"<PageID>": 0, 1 or 2} in ascending PageID, streamed.',
        querystring: Type.Object({ ...numberingSchema.properties, asOf: asOfSchema }),
      },
    },
    async ({ query }, reply) => {
      const text = exportLabels(deps, { numbering: query, asOf: toDate(query.asOf) });
      reply.header('content-disposition', 'attachment; filename="labels"');
      return reply.type('application/json; charset=utf-8').send(Readable.from(text, { objectMode: false }));
    },
  );

  app.get(
    '/v1/labels/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'All label events, one JSON object a line, streamed',
        description:
          'In the order of their ids: labels with who, when, queue, iteration and time taken, and undos with the event that they take back. The whole history; nothing is ever taken out of it.',
      },
    },
    async (_request, reply) => {
      reply.header('content-disposition', 'attachment; filename="label-events.jsonl"');
      return reply
        .type('application/x-ndjson; charset=utf-8')
        .send(Readable.from(exportLabelEvents(deps), { objectMode: false }));
    },
  );

  // The file keeps its text: a parsed object would have lost its lines and the first of two equal keys.
  void app.register(async (scope) => {
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: labelFileBytesMax },
      (_request, body, done) => done(null, body),
    );
    (scope as typeof app).post(
      '/v1/labels/file',
      {
        config: { role: 'curator' },
        schema: {
          summary: "Import the reference project's labels file",
          description:
            'Each entry becomes a label event of the caller, all in one transaction; what stands already makes none. Names what it overwrote, and by line what it could not take. With an Idempotency-Key a repeat changes nothing and has the same answer.',
          querystring: numberingSchema,
          body: Type.String({ description: 'The text of {"<PageID>": 0, 1 or 2}' }),
          response: {
            200: Type.Object({
              recordedCount: Type.Integer(),
              unchangedCount: Type.Integer({ description: 'Entries that say what already stood' }),
              overwrittenCount: Type.Integer(),
              overwritten: Type.Array(
                Type.Object({
                  pageId: Type.Integer(),
                  before: labelSchema,
                  now: labelSchema,
                  by: Type.String({ description: 'Who had given the label before' }),
                }),
                { description: 'The first 1,000' },
              ),
              refusedCount: Type.Integer(),
              refused: Type.Array(
                Type.Object({ line: Type.Integer(), key: Type.String(), code: Type.String(), message: Type.String() }),
                { description: 'The first 1,000' },
              ),
            }),
          },
        },
      },
      async (request) =>
        importLabels(deps, {
          text: request.body,
          numbering: request.query,
          by: request.principal.name,
          idempotencyKey: idempotencyKeyOf(request),
        }),
    );
  });

  app.get(
    '/v1/labels/people',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Who labelled, and how much',
        response: {
          200: Type.Object({
            people: Type.Array(
              Type.Object({
                by: Type.String(),
                givenCount: Type.Integer(),
                undoCount: Type.Integer({ description: "Labels that this person took back, anybody's" }),
                undoneCount: Type.Integer({ description: 'Labels of this person that were taken back, by anybody' }),
                currentCount: Type.Integer({ description: 'Pages whose current label this person gave' }),
                medianTookMs: nullable(Type.Number()),
                firstAt: timeSchema,
                lastAt: timeSchema,
              }),
            ),
          }),
        },
      },
    },
    async () => ({
      people: (await store.labels.listPeople()).map((person) => ({
        ...person,
        firstAt: person.firstAt.toISOString(),
        lastAt: person.lastAt.toISOString(),
      })),
    }),
  );

  app.get(
    '/v1/labels/disagreements',
    {
      config: { role: 'viewer' },
      schema: {
        summary: "Pages of which people's last labels differ, in ascending PageID",
        querystring: Type.Object({
          after: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: 0 }),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: {
          200: Type.Object({
            pages: Type.Array(
              Type.Object({
                pageId: Type.Integer(),
                current: labelSchema,
                opinions: Type.Array(Type.Object({ label: labelSchema, by: Type.String(), at: timeSchema }), {
                  description: "Each person's last label that was not taken back, the newest first",
                }),
              }),
            ),
            next: nullable(Type.Integer()),
          }),
        },
      },
    },
    async ({ query }) => {
      const pages = await store.labels.listDisagreements(query.after, query.limit);
      return {
        pages: pages.map(({ opinions, ...page }) => ({
          ...page,
          opinions: opinions.map((opinion) => ({ ...opinion, at: opinion.at.toISOString() })),
        })),
        next: pages.length === query.limit ? pages.at(-1)!.pageId : null,
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
            trainable: Type.Object(
              { HQ: Type.Integer(), LQ: Type.Integer(), NOT_SURE: Type.Integer() },
              { description: 'Of the current labels those that the next label set holds: none that an audit drew' },
            ),
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
        querystring: Type.Object({
          ofRequest: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: 200,
              description:
                'The Idempotency-Key with which the caller gave the label: where another label stands by now, that one stays and the undo is refused',
            }),
          ),
        }),
        response: {
          200: Type.Object({ pageId: Type.Integer(), undone: labelSchema, current: nullable(labelSchema) }),
        },
      },
    },
    async (request) =>
      undoLabel(deps, {
        pageId: request.params.pageId,
        by: request.principal.name,
        ofRequest: request.query.ofRequest,
        idempotencyKey: idempotencyKeyOf(request),
      }),
  );
}

function toDate(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) || Number.isNaN(date.getTime()))
    throw invalidArgument(`is not a time like 2026-11-23T18:00:00Z: ${text}`, { field: 'asOf' });
  return date;
}
