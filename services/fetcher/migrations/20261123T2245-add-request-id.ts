import { addRequestIdToOutbox } from '@florilegium/db';
import type { Kysely } from 'kysely';

export const addRequestId = {
  async up(kysely: Kysely<unknown>): Promise<void> {
    await addRequestIdToOutbox(kysely);
  },
};
