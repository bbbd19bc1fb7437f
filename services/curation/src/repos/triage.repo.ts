import { type Kysely, sql } from 'kysely';
import type { Label } from '../domain/label.ts';
import type { TriageClass } from '../domain/triage.ts';
import type { Schema } from '../schema.ts';

export const reviewQueues = ['review', 'notsure', 'misprediction', 'uncertain'] as const;
export type ReviewQueue = (typeof reviewQueues)[number];

export interface TriagedPage {
  pageId: number;
  itemId: number;
  triageClass: TriageClass;
  queue: ReviewQueue | null;
  /** From 0; null where the page is in no queue. */
  place: number | null;
  reason: string;
  chosenBy: 'worth' | 'random' | null;
  worth: number;
  ensembleLabel: 'HQ' | 'LQ';
  /** The frozen label; null for an unlabelled page. */
  label: Label | null;
}

export interface Proposal {
  pageId: number;
  itemId: number;
  ensembleLabel: 'HQ' | 'LQ';
  reason: string;
  /** P(HQ) by the members that may judge the page. */
  probability: number;
}

/** All that is named must hold. */
export interface ProposalFilter {
  pageIds?: readonly number[];
  itemId?: number;
  ensembleLabel?: 'HQ' | 'LQ';
  probabilityMin?: number;
  probabilityMax?: number;
  after?: number;
  limit?: number;
}

/** A page leaves its queue with the first label event after the label set was frozen, whichever queue asked for it, and when an audit draws it. */
const stillWaits = sql`
  not exists (select 1 from label_event e where e.page_id = t.page_id and e.id > coalesce(s.last_event_id, 0)
    and e.kind = 'label' and not exists (select 1 from label_event u where u.undoes = e.id))
  and not exists (select 1 from audit_page a where a.page_id = t.page_id)`;
const isRefused = sql`
  exists (select 1 from refused_proposal r where r.iteration_id = t.iteration_id and r.page_id = t.page_id)`;
/** P(HQ) that the class was decided by; of labelled pages the worth keeps it, which is its distance from one half. */
const probability = sql`
  case when t.triage_class = 'NOTSURE' then 0.5 + case t.ensemble_label when 'HQ' then t.worth else -t.worth end
  else (select p.mean from prediction p where p.iteration_id = t.iteration_id and p.page_id = t.page_id) end`;
const from = sql`
  from triage t join iteration i on i.id = t.iteration_id left join label_set s on s.id = i.label_set_id`;

export function triageRepo(kysely: Kysely<Schema>) {
  return {
    addAll: async (iterationId: string, pages: readonly TriagedPage[]): Promise<void> => {
      for (let start = 0; start < pages.length; start += 1000) {
        const part = pages.slice(start, start + 1000);
        const column = <Value>(pick: (page: TriagedPage) => Value) => part.map(pick);
        await sql`
          insert into triage (iteration_id, page_id, item_id, triage_class, queue, place, reason, chosen_by, worth, ensemble_label, label)
          select ${iterationId}, * from unnest(
            ${column((p) => p.pageId)}::int[], ${column((p) => p.itemId)}::int[], ${column((p) => p.triageClass)}::text[],
            ${column((p) => p.queue)}::text[], ${column((p) => p.place)}::int[], ${column((p) => p.reason)}::text[],
            ${column((p) => p.chosenBy)}::text[], ${column((p) => p.worth)}::real[],
            ${column((p) => p.ensembleLabel)}::text[], ${column((p) => p.label)}::text[])
          on conflict do nothing`.execute(kysely);
      }
    },
    readQueue: async (iterationId: string, queue: ReviewQueue, limit: number): Promise<TriagedPage[]> => {
      const { rows } = await sql<TriagedPage>`
        select t.page_id as "pageId", t.item_id as "itemId", t.triage_class as "triageClass", t.queue, t.place, t.reason,
          t.chosen_by as "chosenBy", t.worth, t.ensemble_label as "ensembleLabel", t.label
        ${from} where t.iteration_id = ${iterationId} and t.queue = ${queue} and ${stillWaits}
          and (t.queue <> 'notsure' or not ${isRefused})
        order by t.place limit ${limit}`.execute(kysely);
      return rows;
    },
    countQueues: async (iterationId: string): Promise<Record<ReviewQueue, number>> => {
      const { rows } = await sql<{ queue: ReviewQueue; count: number }>`
        select t.queue, count(*)::int as count ${from}
        where t.iteration_id = ${iterationId} and t.queue is not null and ${stillWaits}
          and (t.queue <> 'notsure' or not ${isRefused}) group by t.queue`.execute(kysely);
      const counts = { review: 0, notsure: 0, misprediction: 0, uncertain: 0 };
      for (const { queue, count } of rows) counts[queue] = count;
      return counts;
    },
    /** Pages of some classes that still wait for a person and were not refused, in ascending PageID; bounded by the sets. */
    listWaiting: async (
      iterationId: string,
      classes: readonly TriageClass[],
      filter: ProposalFilter = {},
    ): Promise<Proposal[]> => {
      const { rows } = await sql<Proposal>`
        select * from (
          select t.page_id as "pageId", t.item_id as "itemId", t.ensemble_label as "ensembleLabel", t.reason,
            (${probability})::float8 as probability
          ${from} where t.iteration_id = ${iterationId} and t.triage_class = any(${classes}::text[]) and ${stillWaits}
            and not ${isRefused}) waiting
        where "pageId" > ${filter.after ?? 0}
          and (${filter.pageIds ?? null}::int[] is null or "pageId" = any(${filter.pageIds ?? null}::int[]))
          and (${filter.itemId ?? null}::int is null or "itemId" = ${filter.itemId ?? null})
          and (${filter.ensembleLabel ?? null}::text is null or "ensembleLabel" = ${filter.ensembleLabel ?? null})
          and probability between ${filter.probabilityMin ?? 0} and ${filter.probabilityMax ?? 1}
        order by "pageId" limit ${filter.limit ?? null}`.execute(kysely);
      return rows;
    },
    refuse: async (iterationId: string, pageIds: readonly number[], by: string): Promise<void> => {
      await sql`
        insert into refused_proposal (iteration_id, page_id, by)
        select ${iterationId}, page_id, ${by} from unnest(${pageIds}::int[]) as p (page_id)
        on conflict do nothing`.execute(kysely);
    },
  };
}
