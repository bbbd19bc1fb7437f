import { copyText } from '@florilegium/db';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { AuditFigures } from '../domain/audit-estimate.ts';
import type { HqListState } from '../domain/hq-list.ts';
import type { Label } from '../domain/label.ts';
import type { Schema } from '../schema.ts';

export interface HqList {
  id: string;
  version: number;
  state: HqListState;
  reason: string | null;
  rule: string;
  threshold: number;
  /** How many pages the audit was asked to look at; once frozen, how many it drew. */
  auditCount: number;
  auditedCount: number;
  /** How many of them shall come from outside the candidates. */
  outsideCount: number;
  iterationNumber: number;
  ensembleId: string;
  modelSha256: string;
  labelSetId: string;
  labelSetSha256: string;
  seed: string;
  runId: string | null;
  noImageCount: number | null;
  candidateCount: number | null;
  candidatesSha256: string | null;
  pageCount: number | null;
  pagesSha256: string | null;
  /** Pages that a label, not the score, put into the list. */
  labelledHqCount: number | null;
  /** Audited pages of which the curator was not sure; they count as not HQ. */
  notSureCount: number | null;
  figures: AuditFigures | null;
  createdAt: Date;
  frozenAt: Date | null;
  publishedAt: Date | null;
}

export interface HqListPage {
  pageId: number;
  probability: number;
  chosenBy: 'label' | 'score';
}

/** A scored candidate with what is known of it. */
export interface ScoredCandidate {
  pageId: number;
  probability: number;
  label: Label | null;
}

const select = sql`
  select h.id, h.version, h.state, h.reason, h.rule, h.threshold, h.audit_count as "auditCount", h.outside_count as "outsideCount",
    (select count(*)::int from audit_page a where a.hq_list_id = h.id and a.label is not null) as "auditedCount",
    h.iteration_number as "iterationNumber", h.ensemble_id as "ensembleId", h.model_sha256 as "modelSha256",
    h.label_set_id as "labelSetId", h.label_set_sha256 as "labelSetSha256", h.seed, h.run_id as "runId",
    h.no_image_count as "noImageCount", h.candidate_count as "candidateCount",
    h.candidates_sha256 as "candidatesSha256", h.page_count as "pageCount", h.pages_sha256 as "pagesSha256",
    h.labelled_hq_count as "labelledHqCount", h.not_sure_count as "notSureCount", h.figures,
    h.created_at as "createdAt", h.frozen_at as "frozenAt", h.published_at as "publishedAt"
  from hq_list h`;

export function hqListsRepo(kysely: Kysely<Schema>) {
  const findWhere = async (where: RawBuilder<unknown>): Promise<HqList | undefined> => {
    const { rows } = await sql<HqList>`${select} ${where}`.execute(kysely);
    return rows[0];
  };
  return {
    find: (version: number) => findWhere(sql`where h.version = ${version}`),
    findByKey: (key: string) => findWhere(sql`where h.idempotency_key = ${key}`),
    findNewest: () => findWhere(sql`order by h.version desc limit 1`),
    findById: (id: string) => findWhere(sql`where h.id::text = ${id}`),
    lock: (id: string) => findWhere(sql`where h.id::text = ${id} for update of h`),
    lockVersion: (version: number) => findWhere(sql`where h.version = ${version} for update of h`),
    /** The list that waits for this prediction run. */
    lockPredicting: (ensembleId: string, rule: string) =>
      findWhere(
        sql`where h.state = 'predicting' and h.ensemble_id::text = ${ensembleId} and h.rule = ${rule} for update of h`,
      ),
    findAuditing: () => findWhere(sql`where h.state = 'auditing'`),
    list: async (): Promise<HqList[]> => {
      const { rows } = await sql<HqList>`${select} order by h.version`.execute(kysely);
      return rows;
    },
    lockStart: async (): Promise<void> => {
      await sql`select pg_advisory_xact_lock(7261005)`.execute(kysely);
    },
    add: async (
      list: Pick<
        HqList,
        | 'id'
        | 'version'
        | 'rule'
        | 'threshold'
        | 'auditCount'
        | 'outsideCount'
        | 'iterationNumber'
        | 'ensembleId'
        | 'modelSha256'
        | 'labelSetId'
        | 'labelSetSha256'
        | 'seed'
      > & { startedBy: string; idempotencyKey: string | null },
    ): Promise<void> => {
      await sql`
        insert into hq_list (id, version, state, started_by, idempotency_key, rule, threshold, audit_count, outside_count,
          iteration_number, ensemble_id, model_sha256, label_set_id, label_set_sha256, seed)
        values (${list.id}, ${list.version}, 'predicting', ${list.startedBy}, ${list.idempotencyKey}, ${list.rule},
          ${list.threshold}, ${list.auditCount}, ${list.outsideCount}, ${list.iterationNumber}, ${list.ensembleId}, ${list.modelSha256},
          ${list.labelSetId}, ${list.labelSetSha256}, ${list.seed})`.execute(kysely);
    },
    setRun: async (id: string, runId: string): Promise<void> => {
      await sql`update hq_list set run_id = ${runId} where id = ${id}`.execute(kysely);
    },
    setNoImageCount: async (id: string, count: number): Promise<void> => {
      await sql`update hq_list set no_image_count = ${count} where id = ${id}`.execute(kysely);
    },
    setFrozen: async (
      id: string,
      frozen: {
        candidateCount: number;
        candidatesSha256: string;
        pageCount: number;
        pagesSha256: string;
        labelledHqCount: number;
        auditCount: number;
      },
    ): Promise<void> => {
      await sql`
        update hq_list set candidate_count = ${frozen.candidateCount}, candidates_sha256 = ${frozen.candidatesSha256},
          page_count = ${frozen.pageCount}, pages_sha256 = ${frozen.pagesSha256},
          labelled_hq_count = ${frozen.labelledHqCount}, audit_count = ${frozen.auditCount}, frozen_at = now()
        where id = ${id}`.execute(kysely);
    },
    setFigures: async (id: string, figures: AuditFigures, notSureCount: number): Promise<void> => {
      await sql`
        update hq_list set figures = ${JSON.stringify(figures)}, not_sure_count = ${notSureCount}
        where id = ${id}`.execute(kysely);
    },
    setState: async (id: string, state: HqListState, reason: string | null = null): Promise<void> => {
      await sql`
        update hq_list set state = ${state}, reason = ${reason},
          published_at = case when ${state} = 'published' then now() else published_at end
        where id = ${id}`.execute(kysely);
    },
    addPages: async (id: string, pages: readonly HqListPage[]): Promise<void> => {
      if (pages.length === 0) return;
      await sql`
        insert into hq_list_page (hq_list_id, page_id, probability, chosen_by)
        select ${id}, * from unnest(
          ${pages.map((p) => p.pageId)}::int[], ${pages.map((p) => p.probability)}::real[],
          ${pages.map((p) => p.chosenBy)}::text[])`.execute(kysely);
    },
    /** Pages of a list after a page, in ascending PageID. */
    readPages: async (id: string, after: number, limit: number): Promise<HqListPage[]> => {
      const { rows } = await sql<HqListPage>`
        select page_id as "pageId", probability, chosen_by as "chosenBy" from hq_list_page
        where hq_list_id = ${id} and page_id > ${after} order by page_id limit ${limit}`.execute(kysely);
      return rows;
    },
    /** The likeliest pages of a list, for a glance at it. */
    readBest: async (id: string, limit: number): Promise<HqListPage[]> => {
      const { rows } = await sql<HqListPage>`
        select page_id as "pageId", probability, chosen_by as "chosenBy" from hq_list_page
        where hq_list_id = ${id} order by probability desc, page_id limit ${limit}`.execute(kysely);
      return rows;
    },
    clearScores: async (id: string): Promise<void> => {
      await sql`delete from hq_list_score where hq_list_id = ${id}`.execute(kysely);
    },
    putScores: async (id: string, scores: readonly { pageId: number; mean: number }[]): Promise<void> => {
      if (scores.length === 0) return;
      await sql`
        insert into hq_list_score (hq_list_id, page_id, probability)
        select ${id}, * from unnest(${scores.map((s) => s.pageId)}::int[], ${scores.map((s) => s.mean)}::real[])
        on conflict (hq_list_id, page_id) do update set probability = excluded.probability`.execute(kysely);
    },
    /** Scored candidates after a page, with their current label, in ascending PageID. */
    readScored: async (id: string, after: number, limit: number): Promise<ScoredCandidate[]> => {
      const { rows } = await sql<ScoredCandidate>`
        select s.page_id as "pageId", s.probability, l.label
        from (
          select page_id, probability from hq_list_score
          where hq_list_id = ${id} and page_id > ${after} order by page_id limit ${limit}) s
        left join lateral (
          select event.label from standing_label_event event where event.page_id = s.page_id
          order by event.id desc limit 1) l on true
        order by s.page_id`.execute(kysely);
      return rows;
    },
  };
}

/** COPY statements that write a frozen list: its ids one a line, or CSV with a header. The id is a UUID from our own row. */
export const listCopies = {
  txt: (listId: string) =>
    `copy (select page_id from hq_list_page where hq_list_id = '${copyText(listId)}' order by page_id) to stdout`,
  csv: (listId: string) => `copy (
    select page_id as "pageId", probability, chosen_by as "chosenBy",
      'https://www.biodiversitylibrary.org/page/' || page_id as "bhlAddress"
    from hq_list_page where hq_list_id = '${copyText(listId)}' order by hq_list_page.page_id) to stdout (format csv, header)`,
};
