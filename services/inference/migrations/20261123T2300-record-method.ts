import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // Which members an ensemble has: heads on embeddings, or networks on images.
  await sql`alter table ensemble add column method text not null default 'probe' check (method in ('probe', 'finetune'))`.execute(
    db,
  );
}
