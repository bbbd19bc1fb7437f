import { CopyRows, type Tx } from '@florilegium/db';
import { uncertaintyOf } from '@florilegium/ensemble/arithmetic';
import { type Kysely, sql } from 'kysely';
import type { PredictedPages, Prediction } from '../domain/prediction.ts';
import type { Schema } from '../schema.ts';

export interface PredictionRange {
  runNumber: number;
  afterPageId: number;
  limit: number;
  filter?: PredictionFilter | undefined;
}

/** Bounds include their ends, but for `entropyAbove`. */
export interface PredictionFilter {
  meanMin?: number | undefined;
  meanMax?: number | undefined;
  /** Means below this only. */
  meanBelow?: number | undefined;
  entropyMin?: number | undefined;
  entropyMax?: number | undefined;
  entropyAbove?: number | undefined;
  disagreementMin?: number | undefined;
  disagreementMax?: number | undefined;
  dissent?: boolean | undefined;
}

export interface PredictionsRepo {
  /** The entropy in nats under which a share of the run's pages lies; 0 of a run without predictions. */
  entropyQuantile(runNumber: number, share: number): Promise<number>;
  /** In ascending PageID. */
  listPredictions(range: PredictionRange): Promise<Prediction[]>;
  deletePredictions(runNumber: number): Promise<void>;
}

export function predictionsRepo(kysely: Kysely<Schema>): PredictionsRepo {
  return {
    entropyQuantile: async (runNumber, share) => {
      const { rows } = await sql<{ entropy: number | null }>`
        select percentile_disc(${share}::float8) within group (order by entropy) as entropy
        from prediction where run_number = ${runNumber}`.execute(kysely);
      return rows[0]?.entropy ?? 0;
    },
    listPredictions: async ({ runNumber, afterPageId, limit, filter = {} }) => {
      let query = kysely
        .selectFrom('prediction')
        .select([
          'page_id as pageId',
          'members',
          'mean',
          'entropy',
          'disagreement',
          'mutual_information as mutualInformation',
        ])
        .where('run_number', '=', runNumber)
        .where('page_id', '>', afterPageId)
        .orderBy('page_id')
        .limit(limit);
      // The columns are single floats: a bound is rounded as they were, so that a value that was read finds itself.
      const bound = (
        column: 'mean' | 'entropy' | 'disagreement',
        operator: '>=' | '<=' | '<' | '>',
        value?: number,
      ) => {
        if (value !== undefined) query = query.where(column, operator, sql<number>`${value}::real`);
      };
      bound('mean', '>=', filter.meanMin);
      bound('mean', '<=', filter.meanMax);
      bound('mean', '<', filter.meanBelow);
      bound('entropy', '>=', filter.entropyMin);
      bound('entropy', '<=', filter.entropyMax);
      bound('entropy', '>', filter.entropyAbove);
      bound('disagreement', '>=', filter.disagreementMin);
      bound('disagreement', '<=', filter.disagreementMax);
      if (filter.dissent !== undefined) bound('disagreement', filter.dissent ? '>' : '<=', 0);
      return await query.execute();
    },
    deletePredictions: async (runNumber) => {
      await kysely.deleteFrom('prediction').where('run_number', '=', runNumber).execute();
    },
  };
}

/** Writes predictions with COPY, in the caller's transaction. */
export async function copyPredictions(tx: Tx<Schema>, runNumber: number, predicted: PredictedPages): Promise<void> {
  if (predicted.pageIds.length === 0) return;
  await tx.copyIn(
    'copy prediction (run_number, page_id, members, mean, entropy, disagreement, mutual_information) from stdin (format binary)',
    rowsOf(runNumber, predicted),
  );
}

/** So much at a time, that PostgreSQL works on it while the next is made. */
const COPY_BYTES = 1 << 16;

function* rowsOf(runNumber: number, { pageIds, memberCount, members }: PredictedPages): Generator<Buffer> {
  const rows = new CopyRows();
  const own = new Float32Array(memberCount);
  for (let page = 0, from = 0; page < pageIds.length; page++, from += memberCount) {
    for (let member = 0; member < memberCount; member++) own[member] = members[from + member]!;
    const { mean, entropy, disagreement, mutualInformation } = uncertaintyOf(own);
    rows.beginRow(7);
    rows.int4(runNumber);
    rows.int4(pageIds[page]!);
    rows.float4Array(own, 0, memberCount);
    rows.float4(mean);
    rows.float4(entropy);
    rows.float4(disagreement);
    rows.float4(mutualInformation);
    if (rows.length >= COPY_BYTES) yield rows.take();
  }
  yield rows.finish();
}
