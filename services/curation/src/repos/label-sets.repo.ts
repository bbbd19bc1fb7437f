import { createHash } from 'node:crypto';
import { type Kysely, sql } from 'kysely';
import type { Label } from '../domain/label.ts';
import type { Schema } from '../schema.ts';
import { trainableLabels } from './labels.repo.ts';

export interface LabelSet {
  id: string;
  sha256: string;
  counts: Record<Label, number>;
}

export interface LabelledPage {
  pageId: number;
  label: Label;
}

export function labelSetsRepo(kysely: Kysely<Schema>) {
  /** Labels after a page, in ascending PageID. */
  const readPart = async (id: string, after: number, limit: number): Promise<LabelledPage[]> => {
    const { rows } = await sql<LabelledPage>`
      select page_id as "pageId", label from label_set_label
      where label_set_id = ${id} and page_id > ${after} order by page_id limit ${limit}`.execute(kysely);
    return rows;
  };
  return {
    readPart,
    /**
     * Writes the current labels of train and unlabelled pages that no audit drew as label set `id`.
     * The hash is SHA-256 over lines `<PageID>\t<label>\n` in ascending PageID.
     */
    freeze: async (id: string, iterationNumber: number): Promise<LabelSet> => {
      // Foreign keys look at the end of a statement: the labels can only follow their set, whose hash needs the labels; so they are read first.
      const { rows } = await sql<LabelledPage>`
        select current_label.page_id as "pageId", current_label.label from ${trainableLabels}
        order by page_id`.execute(kysely);
      const hash = createHash('sha256');
      const counts = { HQ: 0, LQ: 0, NOT_SURE: 0 };
      for (const { pageId, label } of rows) {
        hash.update(`${pageId}\t${label}\n`);
        counts[label]++;
      }
      const sha256 = hash.digest('hex');
      await sql`
        insert into label_set (id, iteration_number, sha256, hq_count, lq_count, not_sure_count, last_event_id)
        values (${id}, ${iterationNumber}, ${sha256}, ${counts.HQ}, ${counts.LQ}, ${counts.NOT_SURE},
          (select coalesce(max(id), 0) from label_event))`.execute(kysely);
      await sql`
        insert into label_set_label (label_set_id, page_id, label)
        select ${id}, page_id, label from unnest(
          ${rows.map(({ pageId }) => pageId)}::int[], ${rows.map(({ label }) => label)}::text[]) as l (page_id, label)`.execute(
        kysely,
      );
      return { id, sha256, counts };
    },
    find: async (id: string): Promise<LabelSet | undefined> => {
      const { rows } = await sql<{ sha256: string; hq: number; lq: number; notSure: number }>`
        select sha256, hq_count as hq, lq_count as lq, not_sure_count as "notSure" from label_set
        where id::text = ${id}`.execute(kysely);
      const row = rows[0];
      return row && { id, sha256: row.sha256, counts: { HQ: row.hq, LQ: row.lq, NOT_SURE: row.notSure } };
    },
  };
}
