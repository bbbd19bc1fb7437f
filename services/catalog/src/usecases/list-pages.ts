import { invalidArgument, notFound } from '@florilegium/errors';
import type { PageRef } from '../domain/page.ts';
import { type Reuse, reuseClasses } from '../domain/reuse.ts';
import type { PageSelection } from '../repos/pages.repo.ts';
import type { Repos } from '../store.ts';
import { type RuleDeps, selectRuleId } from './select-rule.ts';

export const pageIdsMax = 500;

/** Candidates of a rule, pages of a set, candidates in a set, the reservoir, or pages by id. */
export interface PageQuery {
  rule?: string;
  pageSetId?: string;
  pageIds?: readonly number[];
  /** The seeded draw of pages that no rule keeps. */
  reservoir?: boolean;
  /** Only pages that may be reused in one of these ways; none named is all. */
  reuse?: readonly string[];
}

interface Deps extends RuleDeps {
  store: Pick<Repos, 'rules' | 'imports' | 'pages' | 'pageSets'>;
}

/** Ascending by PageID, after `after`. @throws not_found, invalid_argument, failed_precondition */
export async function listPages(
  deps: Deps,
  query: PageQuery,
  { after, limit }: { after: number; limit: number },
): Promise<PageRef[]> {
  return await deps.store.pages.listPageRefs(await selectionOf(deps, query), after, limit);
}

/** All of them, at most `pageIdsMax` at a time. */
export async function* streamPages(
  deps: Deps,
  query: PageQuery,
  { after, signal }: { after: number; signal: AbortSignal },
): AsyncGenerator<PageRef[]> {
  const selection = await selectionOf(deps, query);
  for (let last = after; ; ) {
    signal.throwIfAborted();
    const pages = await deps.store.pages.listPageRefs(selection, last, pageIdsMax);
    if (pages.length > 0) yield pages;
    if (pages.length < pageIdsMax) return;
    last = pages.at(-1)!.pageId;
  }
}

export async function selectionOf(deps: Deps, query: PageQuery): Promise<PageSelection> {
  const { rule, pageSetId, pageIds } = query;
  const reuse = query.reuse?.length ? checkReuse(query.reuse) : undefined;
  if (pageIds) {
    if (pageIds.length > pageIdsMax) {
      throw invalidArgument(`${pageIds.length} page ids, more than ${pageIdsMax}`, { field: 'pageIds' });
    }
    return { pageIds, reuse };
  }
  if (query.reservoir) {
    if (rule || pageSetId) throw invalidArgument('the reservoir is outside all rules and sets', { field: 'reservoir' });
    return { reservoir: true, reuse };
  }
  if (pageSetId !== undefined && !(await deps.store.pageSets.findPageSet(pageSetId))) {
    throw notFound('page set', pageSetId);
  }
  const ruleId = pageSetId === undefined || rule ? await selectRuleId(deps, rule ?? '') : undefined;
  return { ruleId, pageSetId, reuse };
}

function checkReuse(names: readonly string[]): Reuse[] {
  return names.map((name) => {
    const reuse = reuseClasses.find((known) => known === name);
    if (reuse) return reuse;
    throw invalidArgument(`reuse is none of ${reuseClasses.join(', ')}: ${name.slice(0, 60)}`, { field: 'reuse' });
  });
}
