import { DrawOf, seededDraw } from '@florilegium/bhl';
import { addToOutbox } from '@florilegium/db';
import { alreadyExists, failedPrecondition, notFound } from '@florilegium/errors';
import { eventMessage } from '@florilegium/messaging';
import { v7 as uuidv7 } from 'uuid';
import {
  allocate,
  checkParameters,
  drawItems,
  isSameDraw,
  type PageSet,
  type PageSetParameters,
  pageCountMaxOf,
  type StratifyBy,
} from '../domain/page-set.ts';
import { pageSetsDrawn } from '../metrics.ts';
import type { DrawBase, NewPageSet, Stratification } from '../repos/page-sets.repo.ts';
import type { Store, TxRepos } from '../store.ts';
import { type RuleDeps, selectRule, selectRuleId } from './select-rule.ts';

interface Deps extends RuleDeps {
  store: Store;
}

const idsPerQuery = 10_000;

/**
 * Draws a page set by its seed and stores it for good. The same name with the same parameters answers with the set that
 * is there, also after another import.
 * @throws invalid_argument, not_found for an unknown rule or set, already_exists for a name that stands for another draw,
 *   failed_precondition while there are no candidates
 */
export async function createPageSet(
  { store, rules }: Deps,
  input: PageSetParameters,
): Promise<{ pageSet: PageSet; isNew: boolean }> {
  const parameters = checkParameters({ ...input, rule: selectRule(rules, input.rule).rule.name });
  const known = await store.pageSets.findPageSetByName(parameters.name);
  if (known) return { pageSet: sameOrConflict(known, parameters), isNew: false };

  const drawn = await store.inTransaction(async (repos) => {
    await repos.pageSets.holdCandidates();
    await checkSets(repos, parameters);
    const base: DrawBase = {
      ruleId: await selectRuleId({ store: repos, rules }, parameters.rule),
      withinPageSetId: parameters.withinPageSetId || undefined,
      excludePageSetIds: parameters.excludePageSetIds,
    };
    const id = uuidv7();
    const { typeNames } = selectRule(rules, parameters.rule).rule;
    const pages = await draw(repos, base, parameters, typeNames);
    if (!(await repos.addPageSet({ id, parameters, base, pages }))) return undefined;
    const pageSet = await repos.pageSets.findPageSet(id);
    const { name, pageCount } = pageSet!;
    await addToOutbox(repos.tx.kysely, [eventMessage('catalog.page_set.created', { pageSetId: id, name, pageCount })]);
    return pageSet;
  });
  if (drawn) {
    pageSetsDrawn.inc();
    return { pageSet: drawn, isNew: true };
  }
  // Somebody else drew it meanwhile.
  const other = await store.pageSets.findPageSetByName(parameters.name);
  return { pageSet: sameOrConflict(other!, parameters), isNew: false };
}

function sameOrConflict(known: PageSet, parameters: PageSetParameters): PageSet {
  if (isSameDraw(known, parameters)) return known;
  throw alreadyExists(`page set ${known.name} was drawn with other parameters`, { field: 'name' });
}

async function checkSets(
  { pageSets }: TxRepos,
  { excludePageSetIds, withinPageSetId }: PageSetParameters,
): Promise<void> {
  for (const id of [...excludePageSetIds, ...(withinPageSetId === '' ? [] : [withinPageSetId])]) {
    if (!(await pageSets.findPageSet(id))) throw notFound('page set', id);
  }
}

async function draw(
  { pageSets }: TxRepos,
  base: DrawBase,
  parameters: PageSetParameters,
  typeNames: readonly string[],
): Promise<NewPageSet['pages']> {
  const total = await pageSets.countBase(base);
  if (total === 0) throw failedPrecondition(`there are no candidates of rule ${parameters.rule} to draw from`);
  const pageCountMax = pageCountMaxOf(parameters, total);
  if (parameters.wholeItems) {
    return { itemIds: drawItems(await pageSets.countPagesByItem(base), pageCountMax, parameters) };
  }
  if (parameters.stratifyBy !== '') {
    const by = { by: parameters.stratifyBy as StratifyBy, typeNames };
    return { pageIds: await drawByStratum(pageSets, base, by, { parameters, pageCountMax }) };
  }
  const drawn = new DrawOf(seededDraw(parameters.seed, `pages of ${parameters.name}`), Math.min(pageCountMax, total));
  for (let after = -1; ; ) {
    const ids = await pageSets.listBasePageIds(base, after, idsPerQuery);
    for (const id of ids) drawn.offer(id);
    if (ids.length < idsPerQuery) return { pageIds: drawn.result() };
    after = ids.at(-1)!;
  }
}

/** A draw of its own from each stratum. Held: the drawn ids, and a count for each stratum. */
async function drawByStratum(
  pageSets: TxRepos['pageSets'],
  base: DrawBase,
  by: Stratification,
  { parameters, pageCountMax }: { parameters: PageSetParameters; pageCountMax: number },
): Promise<number[]> {
  const sizes = await pageSets.countByStratum(base, by);
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const counts = allocate(sizes, Math.min(pageCountMax, total), parameters.allocation);
  const seeded = seededDraw(parameters.seed, `pages of ${parameters.name}`);
  const draws = new Map([...counts].map(([stratum, count]) => [stratum, new DrawOf(seeded, count)]));
  for (let after = -1; ; ) {
    const pages = await pageSets.listBaseStrata(base, by, after, idsPerQuery);
    for (const { pageId, stratum } of pages) draws.get(stratum)!.offer(pageId);
    if (pages.length < idsPerQuery) return [...draws.values()].flatMap((drawn) => drawn.result());
    after = pages.at(-1)!.pageId;
  }
}
