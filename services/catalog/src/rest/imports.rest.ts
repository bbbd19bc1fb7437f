import { notFound } from '@florilegium/errors';
import { followChanges, type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import { Type } from 'typebox';
import { type ImportRun, isEnded, type PageChangeKind, pageChangeKinds, secondsLeftOf } from '../domain/import-run.ts';
import type { Store } from '../store.ts';
import { importParams, importShape, limit, uuid } from './shapes.ts';

export interface ImportRoutes {
  store: Store;
  startImport(input: { source: string; withNames: boolean; idempotencyKey: string | null }): Promise<ImportRun>;
  cancelImport(input: { id: string }): Promise<ImportRun>;
}

export function addImportRoutes(app: HttpApp, { store, startImport, cancelImport }: ImportRoutes): void {
  const find = async (id: string) => {
    const run = await store.imports.findImport(id);
    if (!run) throw notFound('import', id);
    return run;
  };

  app.post(
    '/v1/imports',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Import an export of BHL',
        description:
          'The source is an address of a configured host or a folder under a configured root, with `page.txt` and `item.txt` (plain or .gz) in it, in its folder `data` or in its `data.zip`; or such an archive itself. `title.txt`, `creator.txt`, `part.txt` with `partpage.txt`, and with `withNames` also `pagename.txt`, are read where they are. Takes an Idempotency-Key.',
        body: Type.Object(
          {
            source: Type.String({ minLength: 1, maxLength: 2000 }),
            withNames: Type.Boolean({
              default: false,
              description: 'Reads the scientific names of kept pages too: the largest file of the export',
            }),
          },
          { additionalProperties: false },
        ),
        response: { 202: importShape },
      },
    },
    async (request, reply) => {
      const idempotencyKey = idempotencyKeyOf(request) ?? null;
      return reply.code(202).send(shown(await startImport({ ...request.body, idempotencyKey })));
    },
  );

  app.get(
    '/v1/imports',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Imports, newest first',
        querystring: Type.Object({ after: Type.Optional(uuid), limit }),
        response: { 200: Type.Object({ imports: Type.Array(importShape), next: Type.Union([uuid, Type.Null()]) }) },
      },
    },
    async ({ query }) => {
      const runs = await store.imports.listImports(query.after, query.limit);
      return { imports: runs.map(shown), next: runs.length < query.limit ? null : runs.at(-1)!.id };
    },
  );

  app.get(
    '/v1/imports/:id',
    {
      config: { role: 'viewer' },
      schema: { summary: 'An import', params: importParams, response: { 200: importShape } },
    },
    async ({ params }) => shown(await find(params.id)),
  );

  app.get(
    '/v1/imports/:id/bad-lines',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Lines that an import left out, the first 1,000',
        params: importParams,
        response: {
          200: Type.Object({
            badLines: Type.Array(Type.Object({ file: Type.String(), line: Type.Integer(), reason: Type.String() })),
          }),
        },
      },
    },
    async ({ params }) => {
      const badLines = await store.imports.findBadLines(params.id);
      if (!badLines) throw notFound('import', params.id);
      return { badLines };
    },
  );

  app.get(
    '/v1/imports/:id/page-changes',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Pages kept for their rows that an import found new, changed or vanished, in ascending PageID',
        description: 'An import into an empty catalog lists none: all its pages are new.',
        params: importParams,
        querystring: Type.Object({
          change: Type.Optional(Type.Unsafe<PageChangeKind>({ type: 'string', enum: [...pageChangeKinds] })),
          after: Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, default: -1 }),
          limit,
        }),
        response: {
          200: Type.Object({
            pageChanges: Type.Array(Type.Object({ pageId: Type.Integer(), change: Type.String() })),
            next: Type.Union([Type.Integer(), Type.Null()]),
          }),
        },
      },
    },
    async ({ params, query: { change, after, limit: countMax } }) => {
      await find(params.id);
      const pageChanges = await store.imports.listPageChanges(params.id, { change, after, limit: countMax });
      return { pageChanges, next: pageChanges.length < countMax ? null : pageChanges.at(-1)!.pageId };
    },
  );

  app.get(
    '/v1/imports/:id/events',
    {
      config: { role: 'viewer' },
      schema: { summary: 'Progress of an import as server-sent events', params: importParams },
    },
    async (request, reply) => {
      const { id } = request.params;
      await find(id);
      await sendEvents(request, reply, async function* (signal) {
        const changes = followChanges({ read: () => find(id), ended: ({ state }) => isEnded(state), signal });
        for await (const run of changes) yield { event: 'progress', data: shown(run) };
      });
    },
  );

  app.post(
    '/v1/imports/:id/cancel',
    {
      config: { role: 'operator' },
      schema: { summary: 'Cancel an import', params: importParams, response: { 200: importShape } },
    },
    async ({ params }) => shown(await cancelImport({ id: params.id })),
  );
}

function shown(run: ImportRun) {
  return {
    ...run,
    secondsLeft: secondsLeftOf(run),
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt?.toISOString() ?? null,
    endedAt: run.endedAt?.toISOString() ?? null,
  };
}
