import { type Kysely, sql } from 'kysely';

/** What a key was used for, so that the same key with another request is an error and not the first one's answer. */
export async function up(kysely: Kysely<unknown>): Promise<void> {
  await sql`alter table label_request add column request_sha256 text`.execute(kysely);
}
