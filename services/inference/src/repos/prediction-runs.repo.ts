import { type Kysely, type Selectable, sql } from 'kysely';
import type { PageSelection, PredictionRun, RunState } from '../domain/prediction-run.ts';
import type { PredictionRunTable, Schema } from '../schema.ts';

export interface PredictionRunsRepo {
  /** Inserts a run unless one that has neither failed nor been cancelled asks the same, or has the key; false then. */
  insertRun(run: {
    id: string;
    ensembleId: string;
    selection: PageSelection;
    idempotencyKey: string | undefined;
  }): Promise<boolean>;
  findRun(id: string): Promise<PredictionRun | undefined>;
  findRunByKey(idempotencyKey: string): Promise<PredictionRun | undefined>;
  /** The run for this question that has neither failed nor been cancelled. */
  findRunFor(ensembleId: string, selection: PageSelection): Promise<PredictionRun | undefined>;
  /** Newest first. */
  listRuns(options: {
    ensembleId?: string | undefined;
    beforeId?: string | undefined;
    limit: number;
  }): Promise<PredictionRun[]>;
  /** Begins the run; false when it has ended. */
  markStarted(id: string): Promise<boolean>;
  setTotalCount(id: string, totalCount: number): Promise<void>;
  addCounts(id: string, counts: { predicted: number; noImage: number }): Promise<void>;
  /** Ends a run that has not ended, and gives it as it is then; undefined when it had ended already. */
  endRun(
    id: string,
    state: Extract<RunState, 'done' | 'failed' | 'cancelled'>,
    reason: string,
  ): Promise<PredictionRun | undefined>;
  clearBatches(runId: string): Promise<void>;
  putBatch(runId: string, number: number, pageIds: Int32Array): Promise<void>;
  findBatch(runId: string, number: number): Promise<number[] | undefined>;
  /** What a batch holds, without the pages between. */
  describeBatch(
    runId: string,
    number: number,
  ): Promise<{ pageCount: number; pageIdMin: number | null; pageIdMax: number | null } | undefined>;
}

export function predictionRunsRepo(kysely: Kysely<Schema>): PredictionRunsRepo {
  return {
    insertRun: async ({ id, ensembleId, selection, idempotencyKey }) => {
      const inserted = await kysely
        .insertInto('prediction_run')
        .values({ id, ensemble_id: ensembleId, ...columnsOf(selection), idempotency_key: idempotencyKey ?? null })
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .executeTakeFirst();
      return inserted !== undefined;
    },
    findRun: async (id) =>
      toRun(await kysely.selectFrom('prediction_run').selectAll().where('id', '=', id).executeTakeFirst()),
    findRunByKey: async (key) =>
      toRun(
        await kysely
          .selectFrom('prediction_run')
          .selectAll()
          .where('idempotency_key', '=', key)
          .where('state', 'in', ['pending', 'running', 'done'])
          .executeTakeFirst(),
      ),
    findRunFor: async (ensembleId, selection) => {
      const { page_set_id, rule } = columnsOf(selection);
      const row = await kysely
        .selectFrom('prediction_run')
        .selectAll()
        .where('ensemble_id', '=', ensembleId)
        .where('page_set_id', 'is not distinct from', page_set_id)
        .where('rule', 'is not distinct from', rule)
        .where('state', 'in', rule === null ? ['pending', 'running', 'done'] : ['pending', 'running'])
        .executeTakeFirst();
      return toRun(row);
    },
    listRuns: async ({ ensembleId, beforeId, limit }) => {
      let query = kysely.selectFrom('prediction_run').selectAll().orderBy('id', 'desc').limit(limit);
      if (ensembleId !== undefined) query = query.where('ensemble_id', '=', ensembleId);
      if (beforeId !== undefined) query = query.where('id', '<', beforeId);
      return (await query.execute()).map((row) => toRun(row)!);
    },
    markStarted: async (id) => {
      const row = await kysely
        .updateTable('prediction_run')
        .set({ state: 'running', started_at: sql`coalesce(started_at, now())` })
        .where('id', '=', id)
        .where('state', 'in', ['pending', 'running'])
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },
    setTotalCount: async (id, totalCount) => {
      await kysely.updateTable('prediction_run').set({ total_count: totalCount }).where('id', '=', id).execute();
    },
    addCounts: async (id, { predicted, noImage }) => {
      await sql`
        update prediction_run set done_count = done_count + ${predicted + noImage},
          predicted_count = predicted_count + ${predicted}, no_image_count = no_image_count + ${noImage}
        where id = ${id}`.execute(kysely);
    },
    endRun: async (id, state, reason) => {
      const row = await kysely
        .updateTable('prediction_run')
        .set({ state, reason, ended_at: sql`now()` })
        .where('id', '=', id)
        .where('state', 'in', ['pending', 'running'])
        .returningAll()
        .executeTakeFirst();
      return toRun(row);
    },
    clearBatches: async (runId) => {
      await kysely.deleteFrom('prediction_batch').where('run_id', '=', runId).execute();
    },
    putBatch: async (runId, number, pageIds) => {
      await sql`
        insert into prediction_batch (run_id, number, page_ids) values (${runId}, ${number}, ${`{${pageIds.join()}}`}::int[])
        on conflict (run_id, number) do update set page_ids = excluded.page_ids`.execute(kysely);
    },
    findBatch: async (runId, number) =>
      (
        await kysely
          .selectFrom('prediction_batch')
          .select('page_ids')
          .where('run_id', '=', runId)
          .where('number', '=', number)
          .executeTakeFirst()
      )?.page_ids,
    describeBatch: async (runId, number) => {
      const { rows } = await sql<{ pageCount: number; pageIdMin: number | null; pageIdMax: number | null }>`
        select cardinality(page_ids) as "pageCount", page_ids[1] as "pageIdMin", page_ids[cardinality(page_ids)] as "pageIdMax"
        from prediction_batch where run_id = ${runId} and number = ${number}`.execute(kysely);
      return rows[0];
    },
  };
}

const columnsOf = (selection: PageSelection) =>
  selection.kind === 'page-set'
    ? { page_set_id: selection.pageSetId, rule: null }
    : { page_set_id: null, rule: selection.rule };

function toRun<Row extends Selectable<PredictionRunTable> | undefined>(
  row: Row,
): Row extends undefined ? PredictionRun | undefined : PredictionRun;
function toRun(row: Selectable<PredictionRunTable> | undefined): PredictionRun | undefined {
  return (
    row && {
      id: row.id,
      number: row.number,
      ensembleId: row.ensemble_id,
      selection:
        row.rule === null ? { kind: 'page-set', pageSetId: row.page_set_id! } : { kind: 'rule', rule: row.rule },
      state: row.state,
      reason: row.reason,
      doneCount: row.done_count,
      totalCount: row.total_count,
      predictedCount: row.predicted_count,
      noImageCount: row.no_image_count,
      createdAt: row.created_at,
      startedAt: row.started_at,
      endedAt: row.ended_at,
    }
  );
}
