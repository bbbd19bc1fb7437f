import { Readable } from 'node:stream';
import { imageSizes, readIdList } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { type FetchRun, hasEnded, type PageSelection, paceOf, pageIdsMax, runStates } from '../domain/fetch-run.ts';
import { pageStates } from '../domain/page-state.ts';
import type { RootStore } from '../store.ts';
import { cancelFetchRun } from '../usecases/cancel-fetch-run.ts';
import { findFetchRun } from '../usecases/find-fetch-run.ts';
import { pauseFetchRun, resumeFetchRun } from '../usecases/pause-fetch-run.ts';
import { retryFailedPages } from '../usecases/retry-failed-pages.ts';
import { startFetchRun } from '../usecases/start-fetch-run.ts';
import { startFetchRunOverIds } from '../usecases/start-fetch-run-over-ids.ts';

export interface FetchRunsRestDeps {
  store: RootStore;
  catalog: CatalogClient;
  pagesPerBatch: number;
}

const literals = <const Values extends readonly string[]>(values: Values) =>
  Type.Unsafe<Values[number]>({ type: 'string', enum: values });
const orNull = <Value extends string | number>(type: 'string' | 'number', format?: string) =>
  Type.Unsafe<Value | null>({ type: [type, 'null'], ...(format ? { format } : {}) });

const runSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  state: literals(runStates),
  doneCount: Type.Integer({ description: 'Pages that are stored or failed' }),
  totalCount: Type.Integer({ description: '0 while the pages are still being listed' }),
  reason: orNull<string>('string'),
  createdAt: Type.String({ format: 'date-time' }),
  startedAt: orNull<string>('string', 'date-time'),
  endedAt: orNull<string>('string', 'date-time'),
  size: literals(imageSizes),
  pageSetId: orNull<string>('string'),
  rule: orNull<string>('string'),
  idCount: orNull<number>('number'),
  storedCount: Type.Integer(),
  failedCount: Type.Integer({ description: 'Missing, placeholder, corrupt and blocked pages' }),
  missingCount: Type.Integer(),
  placeholderCount: Type.Integer(),
  corruptCount: Type.Integer(),
  blockedCount: Type.Integer({ description: 'Refused by a host, led elsewhere, or given up: for a person to look at' }),
  retryAtCount: Type.Integer({ description: 'Pages that wait for another try' }),
  fetchedCount: Type.Integer({ description: 'Stored pages that this run fetched; the others were there already' }),
  bytes: Type.Integer({ description: 'Of the images that this run fetched' }),
  concurrency: Type.Integer({ description: '0 when the run has no limit of its own' }),
  imagesPerSecond: Type.Number({ description: 'Fetched a second, over the time that the run was not paused' }),
  bytesPerSecond: Type.Integer(),
  secondsLeft: orNull<number>('number'),
});
const byId = Type.Object({ id: Type.String() });
const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100 });

export function addFetchRunRoutes(app: HttpApp, deps: FetchRunsRestDeps): void {
  const { store } = deps;

  app.post(
    '/v1/fetch-runs',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Start a fetch run',
        description:
          'Over a page set, all candidates of a rule, or up to 500 ids (more: `POST /v1/fetch-runs/ids`); exactly one of the three. Takes an Idempotency-Key.',
        body: Type.Object(
          {
            pageSetId: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
            rule: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
            pageIds: Type.Optional(Type.Array(Type.Integer(), { minItems: 1, maxItems: pageIdsMax })),
            size: literals(imageSizes),
            startIndex: Type.Optional(Type.Integer({ minimum: 0, description: 'Into the ascending list of PageIDs' })),
            maxCount: Type.Optional(Type.Integer({ minimum: 0, description: '0 for all' })),
            concurrency: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: 1000,
                description: 'Pages under way at once, over all replicas; 0 for as many as there is room for',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: { 202: runSchema },
      },
    },
    async (request, reply) => {
      const { size, startIndex = 0, maxCount = 0, concurrency = 0 } = request.body;
      const selection = selectionOf(request.body);
      const run = await startFetchRun(
        deps,
        { selection, size, startIndex, maxCount, concurrency },
        idempotencyKeyOf(request),
      );
      return reply.code(202).header('location', `/v1/fetch-runs/${run.id}`).send(toView(run));
    },
  );

  app.register(async (scope) => addIdsRoute(scope as unknown as HttpApp, deps));

  app.get(
    '/v1/fetch-runs',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Fetch runs, newest first',
        querystring: Type.Object({
          after: Type.Optional(Type.String({ pattern: uuidPattern })),
          limit,
        }),
        response: { 200: Type.Object({ fetchRuns: Type.Array(runSchema), next: orNull<string>('string') }) },
      },
    },
    async ({ query }) => {
      const runs = await store.fetchRuns.listRuns(query.after, query.limit);
      return { fetchRuns: runs.map(toView), next: runs.length === query.limit ? runs.at(-1)!.id : null };
    },
  );

  app.get(
    '/v1/fetch-runs/:id',
    { config: { role: 'viewer' }, schema: { summary: 'A fetch run', params: byId, response: { 200: runSchema } } },
    async ({ params }) => toView(await findFetchRun(store, params.id)),
  );

  app.get(
    '/v1/fetch-runs/:id/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Progress of a fetch run as server-sent events',
        description: '`progress` with the run as data each time it changes; ends after its last state.',
        params: byId,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await findFetchRun(store, id);
      await sendEvents(request, reply, async function* (signal) {
        const read = async () => toView(await findFetchRun(store, id));
        for await (const run of followChanges({ read, ended: (run) => hasEnded(run.state), signal }))
          yield { event: 'progress', data: run };
      });
    },
  );

  app.get(
    '/v1/fetch-runs/:id/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Pages of a fetch run with their states',
        params: byId,
        querystring: Type.Object({
          state: Type.Optional(literals(pageStates)),
          after: Type.Integer({ minimum: 0, default: 0 }),
          limit,
        }),
        response: {
          200: Type.Object({
            pages: Type.Array(
              Type.Object({ pageId: Type.Integer(), state: literals(pageStates), detail: Type.String() }),
            ),
            next: orNull<number>('number'),
          }),
        },
      },
    },
    async ({ params, query }) => {
      const run = await findFetchRun(store, params.id);
      const pages = await store.fetchPages.listPages(run.id, query.state, query.after, query.limit);
      return { pages, next: pages.length === query.limit ? pages.at(-1)!.pageId : null };
    },
  );

  app.post(
    '/v1/fetch-runs/:id/cancel',
    {
      config: { role: 'operator' },
      schema: { summary: 'Cancel a fetch run', params: byId, response: { 200: runSchema } },
    },
    async ({ params }) => toView(await cancelFetchRun(deps, params.id)),
  );

  app.post(
    '/v1/fetch-runs/:id/pause',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Hold a fetch run; requests under way are let go within seconds',
        params: byId,
        response: { 200: runSchema },
      },
    },
    async ({ params }) => toView(await pauseFetchRun(deps, params.id)),
  );

  app.post(
    '/v1/fetch-runs/:id/resume',
    {
      config: { role: 'operator' },
      schema: { summary: 'Go on with a paused fetch run', params: byId, response: { 202: runSchema } },
    },
    async ({ params }, reply) => reply.code(202).send(toView(await resumeFetchRun(deps, params.id))),
  );

  app.post(
    '/v1/fetch-runs/:id/retry',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Fetch the failed pages of an ended run again, them alone',
        params: byId,
        response: { 202: runSchema },
      },
    },
    async ({ params }, reply) => reply.code(202).send(toView(await retryFailedPages(deps, params.id))),
  );
}

/** In a scope of its own: here alone a text is not read before the handler sees it. */
function addIdsRoute(scope: HttpApp, deps: FetchRunsRestDeps): void {
  const stream = ['text/plain', 'application/octet-stream'];
  scope.removeContentTypeParser('text/plain');
  (scope as unknown as FastifyInstance).addContentTypeParser(stream, (_request, payload, done) => done(null, payload));
  scope.post(
    '/v1/fetch-runs/ids',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Start a fetch run over a list of ids',
        description:
          'The body is text, one PageID a line, read as it comes; at most 5 million, in any order. A line that is no PageID is named and nothing is started. Takes an Idempotency-Key.',
        consumes: stream,
        querystring: Type.Object({
          size: literals(imageSizes),
          startIndex: Type.Integer({ minimum: 0, default: 0, description: 'Into the ascending list of PageIDs' }),
          maxCount: Type.Integer({ minimum: 0, default: 0, description: '0 for all' }),
          concurrency: Type.Integer({ minimum: 0, maximum: 1000, default: 0 }),
        }),
        response: { 202: runSchema },
      },
    },
    async (request, reply) => {
      if (!(request.body instanceof Readable)) throw invalidArgument('the body is no text: one PageID a line');
      const run = await startFetchRunOverIds(deps, request.query, readIdList(request.body), idempotencyKeyOf(request));
      return reply.code(202).header('location', `/v1/fetch-runs/${run.id}`).send(toView(run));
    },
  );
}

const uuidPattern = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';

function selectionOf(body: { pageSetId?: string; rule?: string; pageIds?: number[] }): PageSelection {
  const selections: PageSelection[] = [];
  if (body.pageSetId !== undefined) selections.push({ kind: 'page-set', pageSetId: body.pageSetId });
  if (body.rule !== undefined) selections.push({ kind: 'rule', rule: body.rule });
  if (body.pageIds !== undefined) selections.push({ kind: 'page-ids', pageIds: body.pageIds });
  if (selections.length !== 1)
    throw invalidArgument(`exactly one of pageSetId, rule and pageIds must be given, not ${selections.length}`, {
      field: 'pageSetId',
    });
  return selections[0]!;
}

function toView(run: FetchRun) {
  return {
    id: run.id,
    state: run.state,
    doneCount: run.storedCount + run.failedCount,
    totalCount: run.totalCount,
    reason: run.reason || null,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
    size: run.size,
    pageSetId: run.selection.kind === 'page-set' ? run.selection.pageSetId : null,
    rule: run.selection.kind === 'rule' ? run.selection.rule : null,
    idCount: run.selection.kind === 'id-list' ? run.selection.count : null,
    storedCount: run.storedCount,
    failedCount: run.failedCount,
    missingCount: run.countOf.missing,
    placeholderCount: run.countOf.placeholder,
    corruptCount: run.countOf.corrupt,
    blockedCount: run.countOf.blocked,
    retryAtCount: run.countOf.retry_at,
    fetchedCount: run.fetchedCount,
    bytes: run.bytes,
    concurrency: run.concurrency,
    ...paceOf(run, new Date()),
  };
}
