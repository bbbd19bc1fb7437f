import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Curves } from '../domain/curves.ts';
import type { IterationState } from '../domain/iteration.ts';
import type { PageSetName } from '../domain/label.ts';
import type { TriageClass, TriageRule } from '../domain/triage.ts';
import type { Verdict } from '../domain/verdict.ts';
import type { Schema } from '../schema.ts';

export interface OutOfFoldScores {
  accuracy: number;
  auc: number;
  logLoss: number;
  pageCount: number;
}

export interface Iteration {
  id: string;
  number: number;
  state: IterationState;
  reason: string | null;
  /** The state it was in when it failed. */
  failedIn: IterationState | null;
  method: string;
  parameters: Record<string, unknown>;
  triageRule: TriageRule;
  labelSetId: string | null;
  labelSetSha256: string | null;
  counts: { HQ: number; LQ: number; NOT_SURE: number };
  /** Events after this one were made after the label set was frozen. */
  lastEventId: number;
  parentEnsembleId: string | null;
  ensembleId: string | null;
  manifestSha256: string | null;
  backboneName: string | null;
  outOfFoldKey: string | null;
  outOfFoldSha256: string | null;
  outOfFoldScores: OutOfFoldScores | null;
  scoresImported: boolean;
  entropyThreshold: number | null;
  triageCounts: Partial<Record<TriageClass, number>> | null;
  curves: Curves | null;
  verdict: Verdict | null;
  createdAt: Date;
  endedAt: Date | null;
}

export interface IterationRun {
  pageSet: PageSetName;
  pageSetId: string;
  runId: string | null;
  state: 'waiting' | 'started' | 'completed' | 'collected';
  predictedCount: number | null;
  noImageCount: number | null;
}

export interface IterationMoveRow {
  state: IterationState;
  reason: string | null;
  at: Date;
}

interface Row extends Omit<Iteration, 'counts'> {
  hq: number | null;
  lq: number | null;
  notSure: number | null;
}

const select = sql`
  select i.id, i.number, i.state, i.reason, i.failed_in as "failedIn", i.method, i.parameters,
    i.triage_rule as "triageRule", i.label_set_id as "labelSetId", s.sha256 as "labelSetSha256",
    s.hq_count as hq, s.lq_count as lq, s.not_sure_count as "notSure", coalesce(s.last_event_id, 0)::bigint as "lastEventId",
    i.parent_ensemble_id as "parentEnsembleId", i.ensemble_id as "ensembleId", i.manifest_sha256 as "manifestSha256",
    i.backbone_name as "backboneName", i.out_of_fold_key as "outOfFoldKey", i.out_of_fold_sha256 as "outOfFoldSha256",
    i.out_of_fold_scores as "outOfFoldScores", i.scores_imported as "scoresImported",
    i.entropy_threshold as "entropyThreshold", i.triage_counts as "triageCounts", i.curves, i.verdict,
    i.created_at as "createdAt", i.ended_at as "endedAt"
  from iteration i left join label_set s on s.id = i.label_set_id`;

const toIteration = ({ hq, lq, notSure, ...row }: Row): Iteration => ({
  ...row,
  counts: { HQ: hq ?? 0, LQ: lq ?? 0, NOT_SURE: notSure ?? 0 },
});

export function iterationsRepo(kysely: Kysely<Schema>) {
  const findWhere = async (where: RawBuilder<unknown>): Promise<Iteration | undefined> => {
    const { rows } = await sql<Row>`${select} ${where}`.execute(kysely);
    return rows[0] && toIteration(rows[0]);
  };
  return {
    find: (number: number) => findWhere(sql`where i.number = ${number}`),
    /** Those of some numbers that are an iteration's. */
    knownNumbers: async (numbers: readonly number[]): Promise<Set<number>> => {
      if (numbers.length === 0) return new Set();
      const { rows } = await sql<{ number: number }>`
        select number from iteration where number = any(${[...new Set(numbers)]}::int[])`.execute(kysely);
      return new Set(rows.map(({ number }) => number));
    },
    findById: (id: string) => findWhere(sql`where i.id::text = ${id}`),
    /** With its row locked until the transaction ends, so that events for one iteration take their turns. */
    lock: (id: string) => findWhere(sql`where i.id::text = ${id} for update of i`),
    lockByEnsemble: (ensembleId: string) => findWhere(sql`where i.ensemble_id::text = ${ensembleId} for update of i`),
    findByKey: (key: string) => findWhere(sql`where i.idempotency_key = ${key}`),
    findNewest: () => findWhere(sql`order by i.number desc limit 1`),
    /** The newest iteration whose queues are ready. */
    findNewestReviewed: () => findWhere(sql`where i.state in ('review', 'closed') order by i.number desc limit 1`),
    /** The last one before `number` that came to an ensemble and its predictions: what N is warm-started from and compared with. */
    findReviewedBefore: (number: number) =>
      findWhere(sql`where i.number < ${number} and i.state in ('review', 'closed') order by i.number desc limit 1`),
    list: async (): Promise<Iteration[]> => {
      const { rows } = await sql<Row>`${select} order by i.number`.execute(kysely);
      return rows.map(toIteration);
    },
    /** Two starts at once wait for each other here. */
    lockStart: async (): Promise<void> => {
      await sql`select pg_advisory_xact_lock(7261004)`.execute(kysely);
    },
    add: async (iteration: {
      id: string;
      number: number;
      startedBy: string;
      idempotencyKey: string | null;
      method: string;
      parameters: Record<string, unknown>;
      triageRule: TriageRule;
      parentEnsembleId: string | null;
    }): Promise<void> => {
      await sql`
        insert into iteration (id, number, state, started_by, idempotency_key, method, parameters, triage_rule, parent_ensemble_id)
        values (${iteration.id}, ${iteration.number}, 'draft', ${iteration.startedBy}, ${iteration.idempotencyKey},
          ${iteration.method}, ${JSON.stringify(iteration.parameters)}, ${JSON.stringify(iteration.triageRule)},
          ${iteration.parentEnsembleId})`.execute(kysely);
      await sql`insert into iteration_move (iteration_id, state) values (${iteration.id}, 'draft')`.execute(kysely);
    },
    setLabelSet: async (id: string, labelSetId: string): Promise<void> => {
      await sql`update iteration set label_set_id = ${labelSetId} where id = ${id}`.execute(kysely);
    },
    /** Writes a state that the domain allowed, and remembers the move. */
    move: async (id: string, state: IterationState, reason: string | null = null): Promise<void> => {
      const ended = ['review', 'closed', 'failed', 'cancelled'].includes(state);
      await sql`
        update iteration set
          failed_in = case when ${state} = 'failed' then state end,
          state = ${state}, reason = ${reason},
          ended_at = case when ${ended} then coalesce(ended_at, now()) end
        where id = ${id}`.execute(kysely);
      await sql`insert into iteration_move (iteration_id, state, reason) values (${id}, ${state}, ${reason})`.execute(
        kysely,
      );
    },
    listMoves: async (id: string): Promise<IterationMoveRow[]> => {
      const { rows } = await sql<IterationMoveRow>`
        select state, reason, at from iteration_move where iteration_id = ${id} order by place`.execute(kysely);
      return rows;
    },
    setEnsemble: async (
      id: string,
      ensemble: {
        ensembleId: string;
        manifestSha256: string;
        backboneName: string;
        outOfFoldKey: string;
        outOfFoldSha256: string;
        scores: OutOfFoldScores | null;
      },
    ): Promise<void> => {
      await sql`
        update iteration set ensemble_id = ${ensemble.ensembleId}, manifest_sha256 = ${ensemble.manifestSha256},
          backbone_name = ${ensemble.backboneName}, out_of_fold_key = ${ensemble.outOfFoldKey},
          out_of_fold_sha256 = ${ensemble.outOfFoldSha256},
          out_of_fold_scores = ${ensemble.scores === null ? null : JSON.stringify(ensemble.scores)}
        where id = ${id}`.execute(kysely);
    },
    setScoresImported: async (id: string): Promise<void> => {
      await sql`update iteration set scores_imported = true where id = ${id}`.execute(kysely);
    },
    setTriage: async (
      id: string,
      triage: {
        entropyThreshold: number;
        triageCounts: Record<TriageClass, number>;
        curves: Curves;
        verdict: Verdict;
      },
    ): Promise<void> => {
      await sql`
        update iteration set entropy_threshold = ${triage.entropyThreshold},
          triage_counts = ${JSON.stringify(triage.triageCounts)}, curves = ${JSON.stringify(triage.curves)},
          verdict = ${JSON.stringify(triage.verdict)}
        where id = ${id}`.execute(kysely);
    },
    addRuns: async (id: string, pageSets: readonly PageSetName[]): Promise<void> => {
      await sql`
        insert into iteration_run (iteration_id, page_set)
        select ${id}, name from unnest(${pageSets}::text[]) as s (name) on conflict do nothing`.execute(kysely);
    },
    listRuns: async (id: string): Promise<IterationRun[]> => {
      const { rows } = await sql<IterationRun>`
        select r.page_set as "pageSet", s.id as "pageSetId", r.run_id as "runId", r.state,
          r.predicted_count as "predictedCount", r.no_image_count as "noImageCount"
        from iteration_run r join page_set s on s.name = r.page_set where r.iteration_id = ${id}
        order by r.page_set`.execute(kysely);
      return rows;
    },
    /** Remembers the run; one that is known to have completed stays completed. */
    setRunStarted: async (id: string, pageSet: PageSetName, runId: string): Promise<void> => {
      await sql`
        update iteration_run set run_id = ${runId}, state = case when state = 'waiting' then 'started' else state end
        where iteration_id = ${id} and page_set = ${pageSet}`.execute(kysely);
    },
    /** @returns whether the set still had to be collected */
    setRunCompleted: async (
      id: string,
      pageSet: PageSetName,
      run: { runId: string; predictedCount: number; noImageCount: number },
    ): Promise<boolean> => {
      const { rows } = await sql`
        update iteration_run set run_id = ${run.runId}, state = 'completed', predicted_count = ${run.predictedCount},
          no_image_count = ${run.noImageCount}
        where iteration_id = ${id} and page_set = ${pageSet} and state in ('waiting', 'started') returning 1`.execute(
        kysely,
      );
      return rows.length > 0;
    },
    /** @returns false when the bad end of this training or run was heard before */
    noteEndedRun: async (runId: string): Promise<boolean> => {
      const { rows } = await sql`
        insert into ended_run (run_id) values (${runId}) on conflict do nothing returning 1`.execute(kysely);
      return rows.length > 0;
    },
    setRunCollected: async (id: string, pageSet: PageSetName): Promise<void> => {
      await sql`
        update iteration_run set state = 'collected' where iteration_id = ${id} and page_set = ${pageSet}`.execute(
        kysely,
      );
    },
  };
}
