import type { Kysely } from 'kysely';
import type { RecordedEnsemble } from '../domain/ensemble.ts';
import type { Schema } from '../schema.ts';

export interface EnsemblesRepo {
  /** Records it once; the first record of an id stays. */
  recordEnsemble(ensemble: RecordedEnsemble): Promise<void>;
  findEnsemble(id: string): Promise<RecordedEnsemble | undefined>;
}

export function ensemblesRepo(kysely: Kysely<Schema>): EnsemblesRepo {
  return {
    recordEnsemble: async (ensemble) => {
      await kysely
        .insertInto('ensemble')
        .values({
          id: ensemble.id,
          method: ensemble.method,
          training_id: ensemble.trainingId ?? null,
          label_set_id: ensemble.labelSetId ?? null,
          iteration_id: ensemble.iterationId ?? null,
          manifest_key: ensemble.manifestKey,
          manifest_sha256: ensemble.manifestSha256,
          backbone_name: ensemble.backboneName,
          backbone_sha256: ensemble.backboneSha256,
          member_count: ensemble.memberCount,
          temperature: ensemble.temperature,
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
    },
    findEnsemble: async (id) => {
      const row = await kysely.selectFrom('ensemble').selectAll().where('id', '=', id).executeTakeFirst();
      return (
        row && {
          id: row.id,
          method: row.method,
          trainingId: row.training_id ?? undefined,
          labelSetId: row.label_set_id ?? undefined,
          iterationId: row.iteration_id ?? undefined,
          manifestKey: row.manifest_key,
          manifestSha256: row.manifest_sha256,
          backboneName: row.backbone_name,
          backboneSha256: row.backbone_sha256,
          memberCount: row.member_count,
          temperature: row.temperature,
        }
      );
    },
  };
}
