import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { AuditFigures } from '../domain/audit-estimate.ts';
import type { HqListOrigin, HqListState } from '../domain/hq-list.ts';
import type { Label } from '../domain/label.ts';
import type { ScoreBins } from '../domain/score-bins.ts';
import type { Schema } from '../schema.ts';

export interface HqList {
  id: string;
  version: number;
  state: HqListState;
  reason: string | null;
  origin: HqListOrigin;
  /** Where an imported list comes from. */
  source: string | null;
  rule: string;
  ruleVersion: number | null;
  ruleSha256: string | null;
  /** Null until a list with a target precision is frozen, and for imported lists. */
  threshold: number | null;
  targetPrecision: number | null;
  /** What the scores let expect of the frozen list, and its one-sided 95 % lower bound from labels; see `score-bins.ts`. */
  expectedPrecision: number | null;
  expectedPrecisionLow: number | null;
  /** How many pages the audit was asked to look at; once frozen, how many it drew. */
  auditCount: number;
  auditedCount: number;
  /** How many of them shall come from outside the candidates. */
  outsideCount: number;
  /** Null here and in the four below for imported lists. */
  iterationNumber: number | null;
  ensembleId: string | null;
  modelSha256: string | null;
  labelSetId: string | null;
  labelSetSha256: string | null;
  seed: string;
  runId: string | null;
  noImageCount: number | null;
  /** Candidates without a score whose image is still to come, and those that will have none. */
  imagePendingCount: number | null;
  imageUnavailableCount: number | null;
  /** Pages of an imported list that its rule does not select, and pages that catalog does not know. */
  notCandidateCount: number | null;
  unknownPageCount: number | null;
  candidateCount: number | null;
  candidatesSha256: string | null;
  pageCount: number | null;
  pagesSha256: string | null;
  /** Where the text of the list is in the object store. */
  objectKey: string | null;
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
  /** Null in an imported list, and of a page without a score that a label put here. */
  probability: number | null;
  chosenBy: 'label' | 'score' | 'import';
}

export interface ListDifference {
  addedCount: number;
  droppedCount: number;
  keptCount: number;
}

/** A candidate with what is known of it. */
export interface StagedCandidate {
  pageId: number;
  /** Null where the page has no score. */
  probability: number | null;
  label: Label | null;
}

const select = sql`
  select h.id, h.version, h.state, h.reason, h.origin, h.source, h.rule, h.rule_version as "ruleVersion",
    h.rule_sha256 as "ruleSha256", h.threshold, h.target_precision as "targetPrecision",
    h.expected_precision as "expectedPrecision", h.expected_precision_low as "expectedPrecisionLow",
    h.image_pending_count as "imagePendingCount", h.image_unavailable_count as "imageUnavailableCount",
    h.not_candidate_count as "notCandidateCount", h.unknown_page_count as "unknownPageCount",
    h.object_key as "objectKey", h.audit_count as "auditCount", h.outside_count as "outsideCount",
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
    /** Of those made here and in use; with `audited`, only of those that an audit measured. */
    findNewestPublished: (audited: boolean) =>
      findWhere(sql`
        where h.state = 'published' and h.origin = 'published' and (h.figures is not null or not ${audited})
        order by h.version desc limit 1`),
    findById: (id: string) => findWhere(sql`where h.id::text = ${id}`),
    lock: (id: string) => findWhere(sql`where h.id::text = ${id} for update of h`),
    lockVersion: (version: number) => findWhere(sql`where h.version = ${version} for update of h`),
    /** The list that waits for this prediction run. */
    lockPredicting: (ensembleId: string, rule: string) =>
      findWhere(
        sql`where h.state = 'predicting' and h.ensemble_id::text = ${ensembleId} and h.rule = ${rule} for update of h`,
      ),
    /** The list that is being made; another one cannot begin beside it. */
    findUnfinished: () => findWhere(sql`where h.state in ('predicting', 'auditing')`),
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
        | 'ruleVersion'
        | 'ruleSha256'
        | 'threshold'
        | 'targetPrecision'
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
        insert into hq_list (id, version, state, started_by, idempotency_key, rule, rule_version, rule_sha256, threshold,
          target_precision, audit_count, outside_count, iteration_number, ensemble_id, model_sha256, label_set_id,
          label_set_sha256, seed)
        values (${list.id}, ${list.version}, 'predicting', ${list.startedBy}, ${list.idempotencyKey}, ${list.rule},
          ${list.ruleVersion}, ${list.ruleSha256}, ${list.threshold}, ${list.targetPrecision}, ${list.auditCount},
          ${list.outsideCount}, ${list.iterationNumber}, ${list.ensembleId}, ${list.modelSha256},
          ${list.labelSetId}, ${list.labelSetSha256}, ${list.seed})`.execute(kysely);
    },
    addImported: async (
      list: Pick<HqList, 'id' | 'version' | 'rule' | 'source' | 'seed'> & {
        startedBy: string;
        idempotencyKey: string | null;
      },
    ): Promise<void> => {
      await sql`
        insert into hq_list (id, version, state, origin, source, started_by, idempotency_key, rule, audit_count, seed)
        values (${list.id}, ${list.version}, 'importing', 'imported', ${list.source}, ${list.startedBy},
          ${list.idempotencyKey}, ${list.rule}, 0, ${list.seed})`.execute(kysely);
    },
    setRun: async (id: string, runId: string): Promise<void> => {
      await sql`update hq_list set run_id = ${runId} where id = ${id}`.execute(kysely);
    },
    setNoImageCount: async (id: string, count: number): Promise<void> => {
      await sql`update hq_list set no_image_count = ${count} where id = ${id}`.execute(kysely);
    },
    /** `frozen_at` is a time at which the label lock is held: labels given before it were given before the audit was drawn. */
    setFrozen: async (
      id: string,
      frozen: {
        candidateCount: number;
        candidatesSha256: string;
        pageCount: number;
        pagesSha256: string;
        labelledHqCount: number;
        auditCount: number;
        threshold: number;
        expectedPrecision: number | null;
        expectedPrecisionLow: number | null;
        scoreBins: ScoreBins;
      },
    ): Promise<void> => {
      await sql`
        update hq_list set candidate_count = ${frozen.candidateCount}, candidates_sha256 = ${frozen.candidatesSha256},
          page_count = ${frozen.pageCount}, pages_sha256 = ${frozen.pagesSha256},
          labelled_hq_count = ${frozen.labelledHqCount}, audit_count = ${frozen.auditCount},
          threshold = ${frozen.threshold}, expected_precision = ${frozen.expectedPrecision},
          expected_precision_low = ${frozen.expectedPrecisionLow}, score_bins = ${JSON.stringify(frozen.scoreBins)},
          frozen_at = clock_timestamp()
        where id = ${id}`.execute(kysely);
    },
    setImported: async (
      id: string,
      counts: {
        pagesSha256: string;
        candidateCount: number;
        notCandidateCount: number;
        unknownPageCount: number;
      },
    ): Promise<void> => {
      await sql`
        update hq_list set pages_sha256 = ${counts.pagesSha256}, candidate_count = ${counts.candidateCount},
          not_candidate_count = ${counts.notCandidateCount},
          unknown_page_count = ${counts.unknownPageCount}, frozen_at = now()
        where id = ${id}`.execute(kysely);
    },
    setImageCounts: async (id: string, counts: { pending: number; unavailable: number }): Promise<void> => {
      await sql`
        update hq_list set image_pending_count = ${counts.pending}, image_unavailable_count = ${counts.unavailable}
        where id = ${id}`.execute(kysely);
    },
    setPageCount: async (id: string, pageCount: number): Promise<void> => {
      await sql`update hq_list set page_count = ${pageCount} where id = ${id}`.execute(kysely);
    },
    setObjectKey: async (id: string, key: string): Promise<void> => {
      await sql`update hq_list set object_key = ${key} where id = ${id}`.execute(kysely);
    },
    findScoreBins: async (id: string): Promise<ScoreBins | undefined> => {
      const { rows } = await sql<{ bins: ScoreBins | null }>`
        select score_bins as bins from hq_list where id = ${id}`.execute(kysely);
      return rows[0]?.bins ?? undefined;
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
    /** Pages in ascending PageID, the first of them at place `ordinal` of the list. */
    addPages: async (id: string, ordinal: number, pages: readonly HqListPage[]): Promise<void> => {
      if (pages.length === 0) return;
      await sql`
        insert into hq_list_page (hq_list_id, ordinal, page_id, probability, chosen_by)
        select ${id}, * from unnest(
          ${pages.map((_, at) => ordinal + at)}::int[], ${pages.map((p) => p.pageId)}::int[], ${pages.map((p) => p.probability)}::real[],
          ${pages.map((p) => p.chosenBy)}::text[])`.execute(kysely);
    },
    /** Pages of a list after a page, in ascending PageID. */
    readPages: async (id: string, after: number, limit: number): Promise<HqListPage[]> => {
      const { rows } = await sql<HqListPage>`
        select page_id as "pageId", probability, chosen_by as "chosenBy" from hq_list_page
        where hq_list_id = ${id} and page_id > ${after} order by page_id limit ${limit}`.execute(kysely);
      return rows;
    },
    /**
     * The PageIDs at places `from` to `to` (not included), one a line. PostgreSQL joins them, so that a list of 100,000 is four rows, and no
     * connection waits for a slow reader between two parts.
     */
    readText: async (id: string, from: number, to: number): Promise<string> => {
      const { rows } = await sql<{ text: string | null }>`
        select string_agg(page_id::text || E'\n', '' order by ordinal) as text from hq_list_page
        where hq_list_id = ${id} and ordinal >= ${from} and ordinal < ${to}`.execute(kysely);
      return rows[0]?.text ?? '';
    },
    countDifference: async (from: string, to: string): Promise<ListDifference> => {
      const { rows } = await sql<ListDifference>`
        select count(*) filter (where a.page_id is null)::int as "addedCount",
          count(*) filter (where b.page_id is null)::int as "droppedCount",
          count(*) filter (where a.page_id = b.page_id)::int as "keptCount"
        from (select page_id from hq_list_page where hq_list_id = ${from}) a
        full join (select page_id from hq_list_page where hq_list_id = ${to}) b using (page_id)`.execute(kysely);
      return rows[0]!;
    },
    /** Pages of one list that are not in another, after a page, in ascending PageID. */
    readPagesMissingIn: async (id: string, other: string, after: number, limit: number): Promise<number[]> => {
      const { rows } = await sql<{ pageId: number }>`
        select p.page_id as "pageId" from hq_list_page p
        where p.hq_list_id = ${id} and p.page_id > ${after}
          and not exists (select 1 from hq_list_page o where o.hq_list_id = ${other} and o.page_id = p.page_id)
        order by p.page_id limit ${limit}`.execute(kysely);
      return rows.map(({ pageId }) => pageId);
    },
    /** The likeliest pages of a list, for a glance at it. */
    readBest: async (id: string, limit: number): Promise<HqListPage[]> => {
      const { rows } = await sql<HqListPage>`
        select page_id as "pageId", probability, chosen_by as "chosenBy" from hq_list_page
        where hq_list_id = ${id} order by probability desc nulls last, page_id limit ${limit}`.execute(kysely);
      return rows;
    },
    /** Those of the given pages that have a score for a list. */
    findScored: async (id: string, pageIds: readonly number[]): Promise<Set<number>> => {
      const { rows } = await sql<{ pageId: number }>`
        select page_id as "pageId" from hq_list_score
        where hq_list_id = ${id} and page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Set(rows.map(({ pageId }) => pageId));
    },
    findListed: async (id: string, pageIds: readonly number[]): Promise<Set<number>> => {
      const { rows } = await sql<{ pageId: number }>`
        select page_id as "pageId" from hq_list_page
        where hq_list_id = ${id} and page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Set(rows.map(({ pageId }) => pageId));
    },
    /** Pages that were staged for an imported list become its pages, in ascending PageID. */
    addStagedPages: async (id: string): Promise<number> => {
      const { numAffectedRows } = await sql`
        insert into hq_list_page (hq_list_id, ordinal, page_id, probability, chosen_by)
        select hq_list_id, row_number() over (order by page_id) - 1, page_id, null, 'import'
        from hq_list_score where hq_list_id = ${id}`.execute(kysely);
      return Number(numAffectedRows ?? 0);
    },
    /** Stages pages of a list that is being imported. @returns how many were not there yet */
    stagePages: async (id: string, pageIds: readonly number[]): Promise<number> => {
      const { numAffectedRows } = await sql`
        insert into hq_list_score (hq_list_id, page_id, probability)
        select ${id}, page_id, 0 from unnest(${pageIds}::int[]) as p (page_id)
        on conflict (hq_list_id, page_id) do nothing`.execute(kysely);
      return Number(numAffectedRows ?? 0);
    },
    /** Drops what was staged under ids before `beforeId`, which tell their time, for lists that nobody is making. */
    clearStaleScores: async (beforeId: string): Promise<void> => {
      await sql`
        delete from hq_list_score where hq_list_id < ${beforeId}::uuid and not exists (
          select 1 from hq_list h where h.id = hq_list_id and h.state in ('predicting', 'importing'))`.execute(kysely);
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
    /** Candidates without a score, beside the scored ones. */
    putUnscored: async (id: string, pageIds: readonly number[]): Promise<void> => {
      await sql`
        insert into hq_list_score (hq_list_id, page_id)
        select ${id}, page_id from unnest(${pageIds}::int[]) as p (page_id)
        on conflict (hq_list_id, page_id) do nothing`.execute(kysely);
    },
    /** Staged candidates after a page, with their current label, in ascending PageID. */
    readStaged: async (id: string, after: number, limit: number): Promise<StagedCandidate[]> => {
      const { rows } = await sql<StagedCandidate>`
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
