import type { CandidateRule, CompiledRule } from '@florilegium/bhl';
import { internal } from '@florilegium/errors';
import { type Kysely, sql } from 'kysely';
import type { CatalogSchema } from '../schema.ts';

export interface CandidateRulesRepo {
  /** @throws when a version that was recorded says something else now */
  checkRules(rules: readonly CompiledRule[]): Promise<void>;
  /** Records rules that are new and gives the ids of all, by name. @throws as checkRules */
  recordRules(rules: readonly CompiledRule[]): Promise<Map<string, number>>;
  /** Marks the rules whose candidates are now those of the newest import. */
  markJudged(ruleIds: readonly number[]): Promise<void>;
  /** Undefined while the rule, as it reads now, has not been judged on the newest import. */
  findJudgedRuleId(rule: CompiledRule): Promise<number | undefined>;
  countCandidates(ruleId: number): Promise<number>;
  /** At most some thousand at a time. */
  addCandidates(ruleId: number, pageIds: readonly number[]): Promise<void>;
}

export function candidateRulesRepo(kysely: Kysely<CatalogSchema>): CandidateRulesRepo {
  const find = ({ name, version }: CandidateRule) =>
    kysely
      .selectFrom('candidate_rule')
      .select(['id', 'hash', 'judged'])
      .where('name', '=', name)
      .where('version', '=', version)
      .executeTakeFirst();
  const refuseOther = ({ rule, hash }: CompiledRule, recorded: { hash: string } | undefined) => {
    if (recorded && recorded.hash !== hash) {
      throw internal(`rule ${rule.name} changed without a new version: ${rule.version} was recorded otherwise`);
    }
  };
  return {
    checkRules: async (rules) => {
      for (const rule of rules) refuseOther(rule, await find(rule.rule));
    },
    recordRules: async (rules) => {
      const ids = new Map<string, number>();
      for (const compiled of rules) {
        const { rule, hash } = compiled;
        // Asked first: a refused insert would use up one of the 32,767 ids each time.
        let recorded = await find(rule);
        if (!recorded) {
          await kysely
            .insertInto('candidate_rule')
            .values({ name: rule.name, version: rule.version, hash, definition: JSON.stringify(rule) })
            .onConflict((conflict) => conflict.columns(['name', 'version']).doNothing())
            .execute();
          recorded = await find(rule);
        }
        refuseOther(compiled, recorded);
        ids.set(rule.name, recorded!.id);
      }
      return ids;
    },
    markJudged: async (ruleIds) => {
      await sql`
        update candidate_rule set judged = true where id = any(${[...ruleIds]}::smallint[]) and not judged`.execute(
        kysely,
      );
    },
    findJudgedRuleId: async ({ rule, hash }) => {
      const recorded = await find(rule);
      return recorded?.judged && recorded.hash === hash ? recorded.id : undefined;
    },
    addCandidates: async (ruleId, pageIds) => {
      await sql`
        insert into candidate (rule_id, page_id)
        select ${ruleId}::smallint, unnest(${[...pageIds]}::integer[]) on conflict do nothing`.execute(kysely);
    },
    countCandidates: async (ruleId) => {
      const { count } = await kysely
        .selectFrom('candidate')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('rule_id', '=', ruleId)
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}
