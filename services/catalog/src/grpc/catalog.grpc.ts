import type { CompiledRule } from '@florilegium/bhl';
import type {
  CatalogServiceImplementation,
  Import,
  Page as PageMessage,
  PageRow as PageRowMessage,
  StreamPagesRequest,
} from '@florilegium/contracts/catalog';
import { RunState } from '@florilegium/contracts/run';
import { invalidArgument, notFound } from '@florilegium/errors';
import type { ImportRun, RunState as State } from '../domain/import-run.ts';
import {
  bhlAddressOf,
  citationOf,
  type Page,
  type PageRef,
  type PageRowFacts,
  placeOf,
  rightsTextOf,
} from '../domain/page.ts';
import type { PageSet, PageSetParameters } from '../domain/page-set.ts';
import type { Store } from '../store.ts';
import type { PageExplanation } from '../usecases/explain-page.ts';
import { type PageQuery, pageIdsMax } from '../usecases/list-pages.ts';

export interface CatalogCalls {
  store: Store;
  startImport(input: { source: string; withNames: boolean; idempotencyKey: string | null }): Promise<ImportRun>;
  explainPage(input: { pageId: number; rule: string }): Promise<PageExplanation>;
  streamPages(query: PageQuery, options: { after: number; signal: AbortSignal }): AsyncIterable<PageRef[]>;
  selectRule(name: string): CompiledRule;
  createPageSet(parameters: PageSetParameters): Promise<{ pageSet: PageSet; isNew: boolean }>;
}

const pageSetsMax = 10_000;

export function catalogGrpc(calls: CatalogCalls): CatalogServiceImplementation {
  const { store } = calls;
  return {
    startImport: async ({ source, withNames, idempotencyKey }) => {
      if (source === '') throw invalidArgument('source is missing', { field: 'source' });
      if (idempotencyKey !== '' && !/^[\x21-\x7e]{1,200}$/.test(idempotencyKey)) {
        throw invalidArgument('idempotency_key is not 1 to 200 printable ASCII characters', {
          field: 'idempotency_key',
        });
      }
      return {
        import: toImport(await calls.startImport({ source, withNames, idempotencyKey: idempotencyKey || null })),
      };
    },

    getImport: async ({ importId }) => {
      const run = await store.imports.findImport(checkUuid(importId, 'import_id'));
      if (!run) throw notFound('import', importId);
      return { import: toImport(run) };
    },

    getPage: async ({ pageId }) => {
      const page = await store.pages.findPage(pageId);
      if (!page) throw notFound('page', pageId);
      return { page: toPage(page) };
    },

    explainPage: async ({ pageId, rule }) => {
      const explained = await calls.explainPage({ pageId, rule });
      return {
        selected: explained.selected,
        rule: explained.rule,
        ruleVersion: explained.ruleVersion,
        reason: explained.reason,
        decidingRows: explained.decidingRows.map(toRow),
      };
    },

    async *streamPages({ selection, afterPageId, reuse, reservoir }, { signal }) {
      const query = reservoir && !selection ? { reservoir } : queryOf(selection);
      // 0 says "from the first", and a PageID of 0 is one of them.
      const after = afterPageId === 0 ? -1 : afterPageId;
      for await (const pages of calls.streamPages({ ...query, reuse }, { after, signal })) yield { pages };
    },

    async *streamStories({ pageIds }) {
      if (pageIds.length > pageIdsMax)
        throw invalidArgument(`${pageIds.length} page ids, more than ${pageIdsMax}`, { field: 'page_ids' });
      // Stories differ in length a hundredfold: few enough at a time that no message comes near its limit.
      const sorted = pageIds.toSorted((one, other) => one - other);
      for (let start = 0; start < sorted.length; start += storiesPerMessage) {
        const pages = await store.pages.listPages(sorted.slice(start, start + storiesPerMessage));
        if (pages.length > 0) yield { pages: pages.map(toPage) };
      }
    },

    getRule: async ({ name }) => {
      const { rule, hash } = calls.selectRule(name);
      return { name: rule.name, version: rule.version, sha256: hash };
    },

    getReservoir: async () => {
      const outsidePageCount = await store.imports.countOutside();
      if (outsidePageCount === undefined) throw notFound('import', 'that is done');
      return { outsidePageCount };
    },

    createPageSet: async (request) => {
      for (const id of request.excludePageSetIds) checkUuid(id, 'exclude_page_set_ids');
      if (request.withinPageSetId !== '') checkUuid(request.withinPageSetId, 'within_page_set_id');
      return { pageSet: (await calls.createPageSet(request)).pageSet };
    },

    getPageSet: async ({ pageSetId }) => {
      const pageSet = await store.pageSets.findPageSet(checkUuid(pageSetId, 'page_set_id'));
      if (!pageSet) throw notFound('page set', pageSetId);
      return { pageSet };
    },

    listPageSets: async ({ name }) => ({
      pageSets: await store.pageSets.listPageSets({ name: name || undefined, limit: pageSetsMax }),
    }),
  };
}

const storiesPerMessage = 100;

function toPage(page: Page): PageMessage {
  const { ref, title, authors, year, volume, rows, reuse, names, parts, rights } = page;
  return {
    ref,
    title,
    authors,
    year,
    volume,
    rows: rows.map(toRow),
    rights: rightsTextOf(page),
    bhlAddress: bhlAddressOf(ref.pageId),
    citation: citationOf(page),
    reuse,
    license: rights.license,
    place: placeOf(page),
    names,
    parts,
  };
}

function queryOf(selection: StreamPagesRequest['selection']): PageQuery {
  switch (selection?.$case) {
    case 'pageSetId':
      return { pageSetId: checkUuid(selection.value, 'page_set_id') };
    case 'rule':
      return { rule: selection.value };
    case 'pageIds':
      return { pageIds: selection.value.pageIds };
    default:
      throw invalidArgument('selection is missing', { field: 'selection' });
  }
}

function checkUuid(text: string, field: string): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) {
    throw invalidArgument(`${field} is not a UUID: ${text.slice(0, 60)}`, { field });
  }
  return text;
}

const toRow = ({ prefix, number, typeName }: PageRowFacts): PageRowMessage => ({
  pagePrefix: prefix,
  pageNumber: number,
  pageTypeName: typeName,
});

const runStates: Record<State, RunState> = {
  pending: RunState.RUN_STATE_PENDING,
  running: RunState.RUN_STATE_RUNNING,
  done: RunState.RUN_STATE_DONE,
  failed: RunState.RUN_STATE_FAILED,
  cancelled: RunState.RUN_STATE_CANCELLED,
};

function toImport(run: ImportRun): Import {
  const { id, state, doneCount, totalCount, reason, createdAt, startedAt, endedAt } = run;
  return {
    run: {
      id,
      state: runStates[state],
      doneCount,
      totalCount,
      reason: reason ?? '',
      createdAt,
      startedAt: startedAt ?? undefined,
      endedAt: endedAt ?? undefined,
    },
    source: run.source,
    rowCount: run.rowCount,
    pageCount: run.pageCount,
    keptPageCount: run.keptPageCount,
    badLineCount: run.badLineCount,
    candidateCounts: run.candidateCounts,
    withNames: run.withNames,
    phase: run.phase,
    bytesPerSecond: run.bytesPerSecond,
    rowsPerSecond: run.rowsPerSecond,
    newPageCount: run.newPageCount,
    changedPageCount: run.changedPageCount,
    vanishedPageCount: run.vanishedPageCount,
    typeCounts: run.typeCounts,
    outsideTypeCounts: run.outsideTypeCounts,
  };
}
