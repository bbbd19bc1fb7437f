import { type Reuse, reuseClasses } from '../domain/reuse.ts';
import type { Repos } from '../store.ts';
import { type PageQuery, selectionOf } from './list-pages.ts';
import type { RuleDeps } from './select-rule.ts';

interface Deps extends RuleDeps {
  store: Pick<Repos, 'rules' | 'imports' | 'pages' | 'pageSets'>;
}

/** How many of the pages may be reused, and how. @throws as listPages */
export async function countByReuse(
  deps: Deps,
  query: Omit<PageQuery, 'pageIds' | 'reuse'>,
): Promise<Record<Reuse, number>> {
  const counts = await deps.store.pages.countByReuse(await selectionOf(deps, query));
  return Object.fromEntries(reuseClasses.map((reuse) => [reuse, counts.get(reuse) ?? 0])) as Record<Reuse, number>;
}
