import type { Tx } from '@florilegium/db';
import { type Kysely, sql } from 'kysely';
import type { Prediction } from '../domain/prediction.ts';
import type { Schema } from '../schema.ts';

export interface PredictionRange {
  runNumber: number;
  afterPageId: number;
  limit: number;
  meanMin?: number | undefined;
  meanMax?: number | undefined;
}

export interface PredictionsRepo {
  /** In ascending PageID. */
  listPredictions(range: PredictionRange): Promise<Prediction[]>;
}

export function predictionsRepo(kysely: Kysely<Schema>): PredictionsRepo {
  return {
    listPredictions: async ({ runNumber, afterPageId, limit, meanMin = 0, meanMax = 1 }) =>
      await kysely
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
        .where('mean', '>=', sql<number>`${meanMin}::real`)
        .where('mean', '<=', sql<number>`${meanMax}::real`)
        .orderBy('page_id')
        .limit(limit)
        .execute(),
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
