import { type Kysely, sql } from 'kysely';
import type { PagePrediction } from '../domain/curves.ts';
import type { PageSetName } from '../domain/label.ts';
import type { Schema } from '../schema.ts';

export interface StoredPrediction {
  pageId: number;
  members: number[];
  mean: number;
  entropy: number;
  disagreement: number;
  mutualInformation: number;
}

export interface OutOfFoldScore {
  pageId: number;
  /** P(HQ) by the members that never saw the page's item; at least one. */
  members: number[];
}

/** A PostgreSQL array of arrays cannot be ragged, so members travel as text and are cast row by row. */
const asArray = (values: readonly number[]) => `{${values.join(',')}}`;

export function predictionsRepo(kysely: Kysely<Schema>) {
  return {
    /** The same page again replaces its prediction, so a stream that is read twice leaves what one leaves. */
    putPredictions: async (iterationId: string, predictions: readonly StoredPrediction[]): Promise<void> => {
      if (predictions.length === 0) return;
      const column = (pick: (prediction: StoredPrediction) => number) => predictions.map(pick);
      await sql`
        insert into prediction (iteration_id, page_id, members, mean, entropy, disagreement, mutual_information)
        select ${iterationId}, page_id, members::real[], mean, entropy, disagreement, mutual_information from unnest(
          ${column((p) => p.pageId)}::int[], ${predictions.map((p) => asArray(p.members))}::text[],
          ${column((p) => p.mean)}::real[], ${column((p) => p.entropy)}::real[], ${column((p) => p.disagreement)}::real[],
          ${column((p) => p.mutualInformation)}::real[])
          as p (page_id, members, mean, entropy, disagreement, mutual_information)
        on conflict (iteration_id, page_id) do update set members = excluded.members, mean = excluded.mean,
          entropy = excluded.entropy, disagreement = excluded.disagreement,
          mutual_information = excluded.mutual_information`.execute(kysely);
    },
    putOutOfFold: async (iterationId: string, scores: readonly OutOfFoldScore[]): Promise<void> => {
      if (scores.length === 0) return;
      await sql`
        insert into out_of_fold (iteration_id, page_id, members)
        select ${iterationId}, page_id, members::real[] from unnest(
          ${scores.map((score) => score.pageId)}::int[], ${scores.map((score) => asArray(score.members))}::text[])
          as s (page_id, members)
        on conflict (iteration_id, page_id) do update set members = excluded.members`.execute(kysely);
    },
    /** Predictions of a page set, which is bounded by how it is drawn. */
    listOfSet: async (iterationId: string, pageSet: PageSetName): Promise<PagePrediction[]> => {
      const { rows } = await sql<PagePrediction>`
        select prediction.page_id as "pageId", page.item_id as "itemId", members, mean, entropy, disagreement
        from prediction join page using (page_id)
        where iteration_id = ${iterationId} and page.page_set = ${pageSet} order by page_id`.execute(kysely);
      return rows;
    },
    /** The frozen labels of an iteration with what members that never saw the page's item say; labels without such members are left out. */
    listJudged: async (
      iterationId: string,
    ): Promise<{ pageId: number; itemId: number; label: 'HQ' | 'LQ' | 'NOT_SURE'; members: number[] }[]> => {
      const { rows } = await sql<{
        pageId: number;
        itemId: number;
        label: 'HQ' | 'LQ' | 'NOT_SURE';
        members: number[];
      }>`
        select l.page_id as "pageId", page.item_id as "itemId", l.label, o.members
        from iteration i
        join label_set_label l on l.label_set_id = i.label_set_id
        join page on page.page_id = l.page_id
        join out_of_fold o on o.iteration_id = i.id and o.page_id = l.page_id
        where i.id = ${iterationId} order by l.page_id`.execute(kysely);
      return rows;
    },
    listFrozenPageIds: async (iterationId: string): Promise<number[]> => {
      const { rows } = await sql<{ pageId: number }>`
        select l.page_id as "pageId" from iteration i join label_set_label l on l.label_set_id = i.label_set_id
        where i.id = ${iterationId} order by 1`.execute(kysely);
      return rows.map(({ pageId }) => pageId);
    },
    find: async (iterationId: string, pageIds: readonly number[]): Promise<Map<number, StoredPrediction>> => {
      const { rows } = await sql<StoredPrediction>`
        select page_id as "pageId", members, mean, entropy, disagreement, mutual_information as "mutualInformation"
        from prediction where iteration_id = ${iterationId} and page_id = any(${pageIds}::int[])`.execute(kysely);
      return new Map(rows.map((row) => [row.pageId, row]));
    },
  };
}
