import { notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import {
  bhlAddressOf,
  citationOf,
  type Page,
  type PageRef,
  partAddressOf,
  placeOf,
  rightsTextOf,
} from '../domain/page.ts';
import type { Reuse } from '../domain/reuse.ts';
import type { RuleComparison } from '../domain/rule-comparison.ts';
import type { Store } from '../store.ts';
import type { PageExplanation } from '../usecases/explain-page.ts';
import type { PageQuery } from '../usecases/list-pages.ts';
import type { RuleWithCount } from '../usecases/list-rules.ts';
import { limit, pageId, pageRef, pageRow, reuse, uuid } from './shapes.ts';

export interface PageRoutes {
  store: Store;
  listPages(query: PageQuery, page: { after: number; limit: number }): Promise<PageRef[]>;
  listRules(): Promise<RuleWithCount[]>;
  compareRules(input: { one: string; other: string; signal: AbortSignal }): Promise<RuleComparison>;
  countByReuse(query: { rule?: string; pageSetId?: string }): Promise<Record<Reuse, number>>;
  explainPage(input: { pageId: number; rule: string }): Promise<PageExplanation>;
}

const ruleName = Type.String({ maxLength: 100, description: 'Name of a candidate rule; illustrated by default' });

const prefixPattern = Type.Object({ name: Type.String(), language: Type.String(), pattern: Type.String() });

const reuseFilter = Type.Array(reuse, {
  default: [],
  maxItems: 5,
  description: 'Only pages that may be reused in one of these ways; repeat the parameter for several',
});

const shares = Type.Object({ both: Type.Integer(), onlyOne: Type.Integer(), onlyOther: Type.Integer() });
const sharesByName = Type.Record(Type.String(), shares);

export function addPageRoutes(app: HttpApp, routes: PageRoutes): void {
  const { store, listPages, listRules, compareRules, countByReuse, explainPage } = routes;

  app.get(
    '/v1/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Candidates of a rule, pages of a page set, or the reservoir, in ascending PageID',
        querystring: Type.Object({
          rule: Type.Optional(ruleName),
          pageSetId: Type.Optional(uuid),
          reservoir: Type.Boolean({ default: false, description: 'The seeded draw of pages that no rule keeps' }),
          reuse: reuseFilter,
          after: Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, default: -1 }),
          limit,
        }),
        response: { 200: Type.Object({ pages: Type.Array(pageRef), next: Type.Union([Type.Integer(), Type.Null()]) }) },
      },
    },
    async ({ query: { after, limit: pageCountMax, ...query } }) => {
      const pages = await listPages(query, { after, limit: pageCountMax });
      return { pages, next: pages.length < pageCountMax ? null : pages.at(-1)!.pageId };
    },
  );

  app.get(
    '/v1/pages/rules',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Candidate rules with their patterns and numbers of candidates',
        response: {
          200: Type.Object({
            rules: Type.Array(
              Type.Object({
                name: Type.String(),
                version: Type.Integer(),
                hash: Type.String(),
                description: Type.String(),
                typeNames: Type.Array(Type.String()),
                prefixPatterns: Type.Array(prefixPattern),
                rowNeeds: Type.String(),
                pageNeeds: Type.String(),
                candidateCount: Type.Integer(),
                missingRows: Type.Array(Type.String(), {
                  description: 'What the rule selects by and the last import did not keep: it needs a new one',
                }),
              }),
            ),
          }),
        },
      },
    },
    async () => ({
      rules: (await listRules()).map((rule) => ({
        ...rule,
        typeNames: [...rule.typeNames],
        prefixPatterns: [...rule.prefixPatterns],
      })),
    }),
  );

  app.get(
    '/v1/pages/rules/compare',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'What two rules select, in common and each alone',
        description:
          'Counts of pages by the language and name of the prefix, by page type and by decade. A page with several of them counts under each. Reads every candidate of either rule.',
        querystring: Type.Object({
          one: Type.String({ default: 'illustrated', maxLength: 100 }),
          other: Type.String({ default: 'reference', maxLength: 100 }),
        }),
        response: {
          200: Type.Object({
            one: Type.String(),
            other: Type.String(),
            ...shares.properties,
            byLanguage: sharesByName,
            byPrefix: sharesByName,
            byType: sharesByName,
            byDecade: sharesByName,
          }),
        },
      },
    },
    async ({ query, raw }) => {
      const leaving = new AbortController();
      raw.on('close', () => raw.socket.destroyed && leaving.abort());
      return await compareRules({ ...query, signal: leaving.signal });
    },
  );

  app.get(
    '/v1/pages/reuse',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'How many candidates of a rule, or pages of a page set, may be reused, and how',
        querystring: Type.Object({ rule: Type.Optional(ruleName), pageSetId: Type.Optional(uuid) }),
        response: {
          200: Type.Object({
            reuse: Type.Object({
              public_domain: Type.Integer({ description: 'No rights are known to stand' }),
              attribution: Type.Integer({ description: 'Free with the maker named (CC BY, CC BY-SA)' }),
              limited: Type.Integer({
                description:
                  'With conditions: no trade, no changes (NC, ND), or those of a contract or another law (NoC-CR, NoC-OKLR)',
              }),
              in_copyright: Type.Integer({ description: 'Only with permission' }),
              unknown: Type.Integer(),
            }),
          }),
        },
      },
    },
    async ({ query }) => ({ reuse: await countByReuse(query) }),
  );

  app.get(
    '/v1/pages/:pageId',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'A kept page with its story',
        params: Type.Object({ pageId }),
        response: {
          200: Type.Object({
            ...pageRef.properties,
            keptAs: Type.String({ description: 'rule, reservoir, or former: held by an earlier export' }),
            title: Type.String(),
            authors: Type.String(),
            publicationDetails: Type.String(),
            institution: Type.String(),
            year: Type.String(),
            volume: Type.String(),
            issue: Type.String(),
            rows: Type.Array(pageRow),
            neighbours: Type.Array(Type.Object({ pageId: Type.Integer(), sequence: Type.Integer() })),
            place: Type.String({ description: 'The plate or page number as it is written, with its word' }),
            names: Type.Array(Type.String(), { description: 'Scientific names, where they were imported' }),
            parts: Type.Array(
              Type.Object({
                partId: Type.Integer(),
                title: Type.String(),
                containerTitle: Type.String(),
                date: Type.String(),
                pageRange: Type.String(),
                bhlAddress: Type.String(),
              }),
            ),
            reuse,
            rights: Type.String(),
            license: Type.String(),
            bhlAddress: Type.String(),
            citation: Type.String(),
          }),
        },
      },
    },
    async ({ params }) => {
      const page = await store.pages.findPage(params.pageId);
      if (!page) throw notFound('page', params.pageId);
      return story(page);
    },
  );

  app.get(
    '/v1/pages/:pageId/why',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Why a rule selects a page or not, by the rows that decided',
        params: Type.Object({ pageId }),
        querystring: Type.Object({ rule: Type.Optional(ruleName) }),
        response: {
          200: Type.Object({
            pageId: Type.Integer(),
            selected: Type.Boolean(),
            rule: Type.String(),
            ruleVersion: Type.Integer(),
            reason: Type.String(),
            explanation: Type.String(),
            decidingRows: Type.Array(
              Type.Object({
                ...pageRow.properties,
                matches: Type.Boolean(),
                typeMatches: Type.Boolean(),
                prefixPattern: Type.Union([prefixPattern, Type.Null()]),
              }),
            ),
          }),
        },
      },
    },
    async ({ params, query }) => {
      const explained = await explainPage({ pageId: params.pageId, rule: query.rule ?? '' });
      const decidingRows = explained.decidingRows.map((row) => ({ ...row, prefixPattern: row.prefixPattern ?? null }));
      return { ...explained, decidingRows };
    },
  );
}

function story(page: Page) {
  const { ref, rights, parts, ...rest } = page;
  return {
    ...ref,
    ...rest,
    place: placeOf(page),
    parts: parts.map((part) => ({ ...part, bhlAddress: partAddressOf(part.partId) })),
    rights: rightsTextOf(page),
    license: rights.license,
    bhlAddress: bhlAddressOf(ref.pageId),
    citation: citationOf(page),
  };
}
