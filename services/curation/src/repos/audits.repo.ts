import { type Kysely, sql } from 'kysely';
import type { AuditedStratum } from '../domain/audit-estimate.ts';
import type { Label } from '../domain/label.ts';
import type { Schema } from '../schema.ts';

export interface DrawnStratum {
  number: number;
  listed: boolean;
  /** Pages that no rule keeps, drawn from catalog's reservoir. */
  outside: boolean;
  low: number;
  high: number;
  pageCount: number;
}

export interface AuditPage {
  pageId: number;
  stratum: number;
  /** Place in the queue: at random over all strata, so that an audit left half done is still a fair sample. */
  place: number;
}

export function auditsRepo(kysely: Kysely<Schema>) {
  return {
    add: async (listId: string, strata: readonly DrawnStratum[], pages: readonly AuditPage[]): Promise<void> => {
      for (const { number, listed, outside, low, high, pageCount } of strata)
        await sql`
          insert into audit_stratum (hq_list_id, number, listed, outside, low, high, page_count)
          values (${listId}, ${number}, ${listed}, ${outside}, ${low}, ${high}, ${pageCount})`.execute(kysely);
      await sql`
        insert into audit_page (hq_list_id, page_id, stratum, place)
        select ${listId}, * from unnest(
          ${pages.map((p) => p.pageId)}::int[], ${pages.map((p) => p.stratum)}::int[],
          ${pages.map((p) => p.place)}::int[])`.execute(kysely);
    },
    /** The version of the list whose open audit holds a page, by page. */
    openVersionOf: async (pageIds: readonly number[]): Promise<Map<number, number>> => {
      const { rows } = await sql<{ pageId: number; version: number }>`
        select a.page_id as "pageId", h.version from audit_page a join hq_list h on h.id = a.hq_list_id
        where h.state = 'auditing' and a.page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Map(rows.map(({ pageId, version }) => [pageId, version]));
    },
    setLabels: async (listId: string, labels: readonly { pageId: number; label: Label | null }[]): Promise<void> => {
      await sql`
        update audit_page a set label = l.label
        from unnest(${labels.map((l) => l.pageId)}::int[], ${labels.map((l) => l.label)}::text[]) as l (page_id, label)
        where a.hq_list_id = ${listId} and a.page_id = l.page_id`.execute(kysely);
    },
    /** Pages that still wait for their audit label, in the order of the lot. */
    readQueue: async (listId: string, limit: number): Promise<{ pageId: number; itemId: number | null }[]> => {
      const { rows } = await sql<{ pageId: number; itemId: number | null }>`
        select a.page_id as "pageId", page.item_id as "itemId" from audit_page a left join page using (page_id)
        where a.hq_list_id = ${listId} and a.label is null order by a.place limit ${limit}`.execute(kysely);
      return rows;
    },
    countWaiting: async (listId: string): Promise<number> => {
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from audit_page where hq_list_id = ${listId} and label is null`.execute(kysely);
      return rows[0]!.count;
    },
    listStrata: async (listId: string): Promise<(DrawnStratum & AuditedStratum & { notSureCount: number })[]> => {
      const { rows } = await sql<DrawnStratum & AuditedStratum & { notSureCount: number }>`
        select s.number, s.listed, s.outside, s.low, s.high, s.page_count as "pageCount",
          count(a.label)::int as "auditedCount", count(a.label) filter (where a.label = 'HQ')::int as "hqCount",
          count(a.label) filter (where a.label = 'NOT_SURE')::int as "notSureCount"
        from audit_stratum s
        left join audit_page a on a.hq_list_id = s.hq_list_id and a.stratum = s.number
        where s.hq_list_id = ${listId} group by s.hq_list_id, s.number order by s.number`.execute(kysely);
      return rows;
    },
  };
}
