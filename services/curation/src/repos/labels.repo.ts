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
  /** Of the current labels those that the next label set holds. */
  trainable: Record<Label, number>;
}

/**
 * Current labels that train: of pages of train and unlabelled that no audit drew.
 * What a label set freezes and what a person is told of the next one must be the same.
 */
export const trainableLabels = sql`
  current_label join page using (page_id)
  where page.page_set in ('train', 'unlabelled')
    and not exists (select 1 from audit_page a where a.page_id = page.page_id)`;

export interface LabelFilter {
  label?: Label;
  queue?: string;
  by?: string;
  asOf?: Date;
  after: number;
  limit: number;
}

export interface Disagreement {
  pageId: number;
  /** The label that counts: the last one given. */
  current: Label;
  /** Each person's last standing label, the newest first. */
  opinions: { label: Label; by: string; at: Date }[];
}

export interface PersonAtWork {
  by: string;
  givenCount: number;
  /** Labels that this person took back, anybody's. */
  undoCount: number;
  /** Labels of this person that were taken back, by anybody. */
  undoneCount: number;
  /** Pages whose current label this person gave. */
  currentCount: number;
  medianTookMs: number | null;
  firstAt: Date;
  lastAt: Date;
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

const eventColumns = sql`
  select id, page_id as "pageId", kind, label, undoes, by, at, queue, iteration, took_ms as "tookMs" from label_event`;

const toEvent = ({ id, pageId, kind, label, undoes, by, at, queue, iteration, tookMs }: EventRow): LabelEvent =>
  kind === 'undo'
    ? { id, pageId, kind, undoes: undoes!, by, at }
    : { id, pageId, kind, label: label!, by, at, queue, iteration, tookMs };

export function labelsRepo(kysely: Kysely<Schema>) {
  return {
    /** @returns the events' ids by page, of two labels of one page the later one's */
    addLabels: async (by: string, labels: readonly NewLabel[]): Promise<Record<number, number>> => {
      if (labels.length === 0) return {};
      // unnest gives the rows in the arrays' order, and with it the ids: of two labels of one page the later one counts.
      const { rows } = await sql<{ id: number; pageId: number }>`
        insert into label_event (page_id, kind, label, by, queue, iteration, took_ms)
        select page_id, 'label', label, ${by}, queue, iteration, took_ms from unnest(
          ${labels.map((l) => l.pageId)}::int[], ${labels.map((l) => l.label)}::text[], ${labels.map((l) => l.queue)}::text[],
          ${labels.map((l) => l.iteration)}::int[], ${labels.map((l) => l.tookMs)}::int[])
          with ordinality as l (page_id, label, queue, iteration, took_ms, place)
        order by place returning id, page_id as "pageId"`.execute(kysely);
      return Object.fromEntries(rows.sort((a, b) => a.id - b.id).map(({ pageId, id }) => [pageId, id]));
    },
    /** The label that stands. Until the transaction ends no undo takes it back: two people who undo at once undo one label each. */
    lockCurrent: async (pageId: number): Promise<{ id: number; label: Label; by: string } | undefined> => {
      await sql`select pg_advisory_xact_lock(7261002, ${pageId})`.execute(kysely);
      const { rows } = await sql<{ id: number; label: Label; by: string }>`
        select id, label, by from current_label where page_id = ${pageId}`.execute(kysely);
      return rows[0];
    },
    addUndo: async (pageId: number, undoes: number, by: string): Promise<void> => {
      await sql`insert into label_event (page_id, kind, undoes, by) values (${pageId}, 'undo', ${undoes}, ${by})`.execute(
        kysely,
      );
    },
    /** The event by which a request of somebody labelled a page. */
    findGiven: async (by: string, key: string, pageId: number): Promise<number | undefined> => {
      const { rows } = await sql<{ id: number | null }>`
        select (result -> 'eventIds' ->> ${String(pageId)})::int as id from label_request
        where by = ${by} and key = ${key}`.execute(kysely);
      return rows[0]?.id ?? undefined;
    },
    listEvents: async (pageId: number): Promise<LabelEvent[]> => {
      const { rows } = await sql<EventRow>`${eventColumns} where page_id = ${pageId} order by id`.execute(kysely);
      return rows.map(toEvent);
    },
    /** Events after an id, whatever their page, in the order of their ids. */
    readEvents: async (after: number, limit: number): Promise<LabelEvent[]> => {
      const { rows } = await sql<EventRow>`${eventColumns} where id > ${after} order by id limit ${limit}`.execute(
        kysely,
      );
      return rows.map(toEvent);
    },
    /** Current labels after a page, or those that were current at `asOf`, in ascending PageID. */
    listCurrent: async (filter: LabelFilter): Promise<CurrentLabel[]> => {
      const { rows } = await sql<CurrentLabel>`
        select page_id as "pageId", label, by, at, queue from ${filter.asOf ? currentAsOf(filter.asOf) : sql`current_label`}
        where page_id > ${filter.after}
          and (${filter.label ?? null}::text is null or label = ${filter.label ?? null})
          and (${filter.queue ?? null}::text is null or queue = ${filter.queue ?? null})
          and (${filter.by ?? null}::text is null or by = ${filter.by ?? null})
        order by page_id limit ${filter.limit}`.execute(kysely);
      return rows;
    },
    /** Who gave the current labels of some pages, and which. */
    currentWithAuthor: async (pageIds: readonly number[]): Promise<Map<number, { label: Label; by: string }>> => {
      const { rows } = await sql<{ pageId: number; label: Label; by: string }>`
        select page_id as "pageId", label, by from current_label where page_id = any(${pageIds}::int[])`.execute(
        kysely,
      );
      return new Map(rows.map(({ pageId, label, by }) => [pageId, { label, by }]));
    },
    /** Pages after a page of which two people's last standing labels differ, in ascending PageID. */
    listDisagreements: async (after: number, limit: number): Promise<Disagreement[]> => {
      const { rows } = await sql<{ pageId: number; opinions: { label: Label; by: string; at: string }[] }>`
        select page_id as "pageId", json_agg(json_build_object('label', label, 'by', by, 'at', at) order by id desc) as opinions
        from (
          select distinct on (e.page_id, e.by) e.id, e.page_id, e.by, e.label, e.at from standing_label_event e
          where e.page_id > ${after} order by e.page_id, e.by, e.id desc) last
        group by page_id having count(distinct label) > 1 order by page_id limit ${limit}`.execute(kysely);
      return rows.map(({ pageId, opinions }) => ({
        pageId,
        current: opinions[0]!.label,
        opinions: opinions.map(({ label, by, at }) => ({ label, by, at: new Date(at) })),
      }));
    },
    /** What each person did, in the order of their names. */
    listPeople: async (): Promise<PersonAtWork[]> => {
      const { rows } = await sql<PersonAtWork>`
        select e.by,
          count(*) filter (where e.kind = 'label')::int as "givenCount",
          count(*) filter (where e.kind = 'undo')::int as "undoCount",
          count(*) filter (where e.kind = 'label' and exists (select 1 from label_event u where u.undoes = e.id))::int as "undoneCount",
          (select count(*)::int from current_label c where c.by = e.by) as "currentCount",
          (percentile_cont(0.5) within group (order by e.took_ms))::float8 as "medianTookMs",
          min(e.at) as "firstAt", max(e.at) as "lastAt"
        from label_event e group by e.by order by e.by`.execute(kysely);
      return rows;
    },
    currentOf: async (pageIds: readonly number[]): Promise<Map<number, Label>> => {
      const { rows } = await sql<{ pageId: number; label: Label }>`
        select page_id as "pageId", label from current_label where page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Map(rows.map(({ pageId, label }) => [pageId, label]));
    },
    summarise: async (): Promise<LabelSummary> => {
      const [labels, queues, events, training] = await Promise.all([
        sql<{ label: Label; count: number }>`
          select label, count(*)::int as count from current_label group by label`.execute(kysely),
        sql<{ queue: string; count: number }>`
          select coalesce(queue, 'none') as queue, count(*)::int as count from standing_label_event group by 1 order by 1`.execute(
          kysely,
        ),
        sql<{ count: number }>`select count(*)::int as count from label_event`.execute(kysely),
        sql<{ label: Label; count: number }>`
          select current_label.label, count(*)::int as count from ${trainableLabels} group by 1`.execute(kysely),
      ]);
      const trainable = { HQ: 0, LQ: 0, NOT_SURE: 0 };
      for (const { label, count } of training.rows) trainable[label] = count;
      const byLabel = { HQ: 0, LQ: 0, NOT_SURE: 0 };
      for (const { label, count } of labels.rows) byLabel[label] = count;
      const byQueue = Object.fromEntries(queues.rows.map(({ queue, count }) => [queue, count]));
      return {
        pages: byLabel.HQ + byLabel.LQ + byLabel.NOT_SURE,
        events: events.rows[0]!.count,
        byLabel,
        askedCount: Object.values(byQueue).reduce((sum, count) => sum + count, 0),
        byQueue,
        trainable,
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

/**
 * The view `current_label` as it was: events of later have not happened. Times are told in milliseconds, so they are compared in them. An event is
 * stamped when it is written and seen when its transaction ends: what is asked of the last moments may still gain events, what is older does not.
 */
const currentAsOf = (asOf: Date) => sql`(
  select distinct on (e.page_id) e.id, e.page_id, e.label, e.by, e.at, e.queue from label_event e
  where e.kind = 'label' and date_trunc('milliseconds', e.at) <= ${asOf}
    and not exists (
      select 1 from label_event u where u.undoes = e.id and date_trunc('milliseconds', u.at) <= ${asOf})
  order by e.page_id, e.id desc) as_of`;

const sha256Of = (request: unknown) => createHash('sha256').update(JSON.stringify(request)).digest('hex');
