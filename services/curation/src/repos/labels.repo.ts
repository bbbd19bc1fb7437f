import { createHash } from 'node:crypto';
import { alreadyExists } from '@florilegium/errors';
import { type Kysely, sql } from 'kysely';
import type { Label, LabelEvent } from '../domain/label.ts';
import type { Schema } from '../schema.ts';

export interface NewLabel {
  pageId: number;
  label: Label;
  iteration: number | null;
  tookMs: number | null;
  queue: string | null;
}

export interface CurrentLabel {
  pageId: number;
  label: Label;
  by: string;
  at: Date;
  queue: string | null;
}

export interface LabelSummary {
  pages: number;
  events: number;
  byLabel: Record<Label, number>;
  /** Labels given and not taken back: each cost a curator's minute. */
  askedCount: number;
  byQueue: Record<string, number>;
}

interface EventRow {
  id: number;
  pageId: number;
  kind: 'label' | 'undo';
  label: Label | null;
  undoes: number | null;
  by: string;
  at: Date;
  queue: string | null;
  iteration: number | null;
  tookMs: number | null;
}

export function labelsRepo(kysely: Kysely<Schema>) {
  return {
    addLabels: async (by: string, labels: readonly NewLabel[]): Promise<void> => {
      if (labels.length === 0) return;
      const rows = labels.map(
        ({ pageId, label, queue, iteration, tookMs }) =>
          sql`(${pageId}::int, 'label', ${label}::text, ${by}::text, ${queue}::text, ${iteration}::int, ${tookMs}::int)`,
      );
      await sql`
        insert into label_event (page_id, kind, label, by, queue, iteration, took_ms)
        values ${sql.join(rows)}`.execute(kysely);
    },
    /** Takes back the page's current label. @returns its event, or undefined when there is none */
    undoCurrent: async (pageId: number, by: string): Promise<{ id: number; label: Label } | undefined> => {
      // Two people who undo at once must undo one label each.
      await sql`select pg_advisory_xact_lock(7261002, ${pageId})`.execute(kysely);
      const { rows } = await sql<{ id: number; label: Label }>`
        select id, label from current_label where page_id = ${pageId}`.execute(kysely);
      const current = rows[0];
      if (!current) return undefined;
      await sql`
        insert into label_event (page_id, kind, undoes, by) values (${pageId}, 'undo', ${current.id}, ${by})`.execute(
        kysely,
      );
      return current;
    },
    listEvents: async (pageId: number): Promise<LabelEvent[]> => {
      const { rows } = await sql<EventRow>`
        select id, page_id as "pageId", kind, label, undoes, by, at, queue, iteration, took_ms as "tookMs"
        from label_event where page_id = ${pageId} order by id`.execute(kysely);
      return rows.map((row) =>
        row.kind === 'undo'
          ? { id: row.id, pageId: row.pageId, kind: 'undo', undoes: row.undoes!, by: row.by, at: row.at }
          : {
              id: row.id,
              pageId: row.pageId,
              kind: 'label',
              label: row.label!,
              by: row.by,
              at: row.at,
              queue: row.queue,
              iteration: row.iteration,
              tookMs: row.tookMs,
            },
      );
    },
    listCurrent: async (filter: {
      label?: Label;
      queue?: string;
      after: number;
      limit: number;
    }): Promise<CurrentLabel[]> => {
      const { rows } = await sql<CurrentLabel>`
        select page_id as "pageId", label, by, at, queue from current_label
        where page_id > ${filter.after}
          and (${filter.label ?? null}::text is null or label = ${filter.label ?? null})
          and (${filter.queue ?? null}::text is null or queue = ${filter.queue ?? null})
        order by page_id limit ${filter.limit}`.execute(kysely);
      return rows;
    },
    currentOf: async (pageIds: readonly number[]): Promise<Map<number, Label>> => {
      const { rows } = await sql<{ pageId: number; label: Label }>`
        select page_id as "pageId", label from current_label where page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Map(rows.map(({ pageId, label }) => [pageId, label]));
    },
    summarise: async (): Promise<LabelSummary> => {
      const [labels, queues, events] = await Promise.all([
        sql<{ label: Label; count: number }>`
          select label, count(*)::int as count from current_label group by label`.execute(kysely),
        sql<{ queue: string; count: number }>`
          select coalesce(queue, 'none') as queue, count(*)::int as count from standing_label_event group by 1 order by 1`.execute(
          kysely,
        ),
        sql<{ count: number }>`select count(*)::int as count from label_event`.execute(kysely),
      ]);
      const byLabel = { HQ: 0, LQ: 0, NOT_SURE: 0 };
      for (const { label, count } of labels.rows) byLabel[label] = count;
      const byQueue = Object.fromEntries(queues.rows.map(({ queue, count }) => [queue, count]));
      return {
        pages: byLabel.HQ + byLabel.LQ + byLabel.NOT_SURE,
        events: events.rows[0]!.count,
        byLabel,
        askedCount: Object.values(byQueue).reduce((sum, count) => sum + count, 0),
        byQueue,
      };
    },
    /** The answer that the same request had before. @throws already_exists when the key was used for another `request` */
    findRequest: async <Result>(by: string, key: string, request: unknown = null): Promise<Result | undefined> => {
      const { rows } = await sql<{ result: Result; sha256: string | null }>`
        select result, request_sha256 as sha256 from label_request where by = ${by} and key = ${key}`.execute(kysely);
      if (rows[0] && rows[0].sha256 !== null && rows[0].sha256 !== sha256Of(request))
        throw alreadyExists('the Idempotency-Key was used for another request', { field: 'Idempotency-Key' });
      return rows[0]?.result;
    },
    /** Two requests with one key wait for each other here. */
    lockRequest: async (by: string, key: string): Promise<void> => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`${by}\n${key}`}, 7261003))`.execute(kysely);
    },
    addRequest: async (by: string, key: string, result: unknown, request: unknown = null): Promise<void> => {
      await sql`
        insert into label_request (by, key, result, request_sha256)
        values (${by}, ${key}, ${JSON.stringify(result)}, ${sha256Of(request)})`.execute(kysely);
    },
  };
}

const sha256Of = (request: unknown) => createHash('sha256').update(JSON.stringify(request)).digest('hex');
