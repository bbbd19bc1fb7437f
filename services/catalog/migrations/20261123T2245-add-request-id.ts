import { addRequestIdToOutbox } from '@florilegium/db';
import type { Kysely } from 'kysely';

export async function up(kysely: Kysely<unknown>): Promise<void> {
  await addRequestIdToOutbox(kysely);
}
