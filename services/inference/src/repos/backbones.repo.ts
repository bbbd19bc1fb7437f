import { type Kysely, sql } from 'kysely';
import type { Schema } from '../schema.ts';

export interface RecordedBackbone {
  id: number;
  name: string;
  sha256: string;
  dimensions: number;
}

export interface BackbonesRepo {
  /** The backbone as recorded, recorded now when it is new. */
  recordBackbone(backbone: Omit<RecordedBackbone, 'id'>): Promise<RecordedBackbone>;
  findBackbone(sha256: string): Promise<RecordedBackbone | undefined>;
  /** The newest backbone by which any page is embedded. */
  findBackboneInUse(): Promise<RecordedBackbone | undefined>;
}

export function backbonesRepo(kysely: Kysely<Schema>): BackbonesRepo {
  const columns = ['id', 'name', 'sha256', 'dimensions'] as const;
  const findBackbone = (sha256: string) =>
    kysely.selectFrom('backbone').select(columns).where('sha256', '=', sha256).executeTakeFirst();
  return {
    findBackbone,
    recordBackbone: async (backbone) => {
      await kysely
        .insertInto('backbone')
        .values(backbone)
        .onConflict((conflict) => conflict.column('sha256').doNothing())
        .execute();
      return (await findBackbone(backbone.sha256))!;
    },
    findBackboneInUse: () =>
      kysely
        .selectFrom('backbone')
        .select(columns)
        .where(sql<boolean>`exists (select 1 from shard where shard.backbone_id = backbone.id)`)
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst(),
  };
}
