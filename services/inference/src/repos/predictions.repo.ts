import type { Tx } from '@florilegium/db';
import { type Kysely, sql } from 'kysely';
import type { Prediction } from '../domain/prediction.ts';
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
  };
}

/** Writes predictions with COPY, in the caller's transaction. */
export async function copyPredictions(
  tx: Tx<Schema>,
  runNumber: number,
  predictions: readonly Prediction[],
): Promise<void> {
  if (predictions.length === 0) return;
  await tx.copyIn(
    'copy prediction (run_number, page_id, members, mean, entropy, disagreement, mutual_information) from stdin (format binary)',
    [binaryRows(runNumber, predictions)],
  );
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FLOAT4 = 700;

/**
 * COPY's binary form, which spares both sides the printing and reading of nine decimals a row.
 * https://www.postgresql.org/docs/current/sql-copy.html, section Binary Format; an array is its dimensions, then its elements as fields.
 */
function binaryRows(runNumber: number, predictions: readonly Prediction[]): Buffer {
  const memberCount = predictions[0]!.members.length;
  const arrayBytes = 20 + memberCount * 8;
  const rowBytes = 2 + 8 + 8 + (4 + arrayBytes) + 4 * 8;
  const out = Buffer.alloc(SIGNATURE.length + 8 + predictions.length * rowBytes + 2);
  let at = SIGNATURE.copy(out) + 8;
  const int = (value: number) => {
    at = out.writeInt32BE(value, at);
  };
  const float = (value: number) => {
    int(4);
    at = out.writeFloatBE(value, at);
  };
  for (const { pageId, members, mean, entropy, disagreement, mutualInformation } of predictions) {
    at = out.writeInt16BE(7, at);
    int(4);
    int(runNumber);
    int(4);
    int(pageId);
    int(arrayBytes);
    for (const word of [1, 0, FLOAT4, memberCount, 1]) int(word);
    for (const member of members) float(member);
    for (const value of [mean, entropy, disagreement, mutualInformation]) float(value);
  }
  out.writeInt16BE(-1, at);
  return out;
}
