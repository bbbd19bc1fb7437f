import { notFound } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import { Type } from 'typebox';
import { bhlAddressOf, citationOf, type Page, type PageRef, rightsTextOf } from '../domain/page.ts';
import type { Store } from '../store.ts';
import type { PageExplanation } from '../usecases/explain-page.ts';
import type { PageQuery } from '../usecases/list-pages.ts';
import type { RuleWithCount } from '../usecases/list-rules.ts';
import { limit, pageId, pageRef, pageRow, uuid } from './shapes.ts';

export interface PageRoutes {
  store: Store;
  listPages(query: PageQuery, page: { after: number; limit: number }): Promise<PageRef[]>;
  listRules(): Promise<RuleWithCount[]>;
  explainPage(input: { pageId: number; rule: string }): Promise<PageExplanation>;
}

const ruleName = Type.String({ maxLength: 100, description: 'Name of a candidate rule; illustrated by default' });

const prefixPattern = Type.Object({ name: Type.String(), language: Type.String(), pattern: Type.String() });

export function addPageRoutes(app: HttpApp, { store, listPages, listRules, explainPage }: PageRoutes): void {
  app.get(
    '/v1/pages',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Candidates of a rule, or pages of a page set, in ascending PageID',
        querystring: Type.Object({
          rule: Type.Optional(ruleName),
          pageSetId: Type.Optional(uuid),
          after: Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1, default: -1 }),
          limit,
        }),
        response: { 200: Type.Object({ pages: Type.Array(pageRef), next: Type.Union([Type.Integer(), Type.Null()]) }) },
      },
    },
    async ({ query: { rule, pageSetId, after, limit: pageCountMax } }) => {
      const pages = await listPages({ rule, pageSetId }, { after, limit: pageCountMax });
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
            year: Type.String(),
            volume: Type.String(),
            issue: Type.String(),
            rows: Type.Array(pageRow),
            neighbours: Type.Array(Type.Object({ pageId: Type.Integer(), sequence: Type.Integer() })),
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
  const { ref, rights, ...rest } = page;
  return {
    ...ref,
    ...rest,
    rights: rightsTextOf(page),
    license: rights.license,
    bhlAddress: bhlAddressOf(ref.pageId),
    citation: citationOf(page),
  };
}
