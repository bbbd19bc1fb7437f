import { type Kysely, sql } from 'kysely';

export const clearWeights = {
  async up(kysely: Kysely<unknown>): Promise<void> {
    // Of a training that failed or was cancelled, the weights of its members are gone from the object store.
    await sql`alter table training add column weights_cleared boolean not null default false`.execute(kysely);
    // Weights are content-addressed: whoever deletes one asks who else has it.
    await sql`create index training_member_weights on training_member (weights_key)`.execute(kysely);
  },
};
