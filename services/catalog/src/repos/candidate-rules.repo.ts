import type { CandidateRule, CompiledRule } from '@florilegium/bhl';
import { internal } from '@florilegium/errors';
import { type Kysely, sql } from 'kysely';
import type { CatalogSchema } from '../schema.ts';

export interface CandidateRulesRepo {
  /** Records rules that are new and gives the ids of all, by name. @throws when a known version says something else now */
  recordRules(rules: readonly CompiledRule[]): Promise<Map<string, number>>;
  /** Undefined while no import has judged the rule. */
  findRuleId(rule: CandidateRule): Promise<number | undefined>;
  countCandidates(ruleId: number): Promise<number>;
  /** At most some thousand at a time. */
  addCandidates(ruleId: number, pageIds: readonly number[]): Promise<void>;
}

export function candidateRulesRepo(kysely: Kysely<CatalogSchema>): CandidateRulesRepo {
  const find = ({ name, version }: CandidateRule) =>
    kysely
      .selectFrom('candidate_rule')
      .select(['id', 'hash'])
      .where('name', '=', name)
      .where('version', '=', version)
      .executeTakeFirst();
  return {
    recordRules: async (rules) => {
      const ids = new Map<string, number>();
      for (const { rule, hash } of rules) {
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
        if (recorded?.hash !== hash) {
          throw internal(`rule ${rule.name} changed without a new version: ${rule.version} was recorded otherwise`);
        }
        ids.set(rule.name, recorded.id);
      }
      return ids;
    },
    findRuleId: async (rule) => (await find(rule))?.id,
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
