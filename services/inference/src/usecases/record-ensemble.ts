import { invalidArgument } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { EnsembleArtifacts } from '../clients/ensemble-artifacts.client.ts';
import type { RecordedEnsemble } from '../domain/ensemble.ts';
import type { EnsemblesRepo } from '../repos/ensembles.repo.ts';

export interface RecordEnsembleDeps {
  ensembles: EnsemblesRepo;
  artifacts: EnsembleArtifacts;
  log: Log;
}

/** Records an ensemble once its manifest and weights are read and their hashes are right. */
export async function recordEnsemble(
  { ensembles, artifacts, log }: RecordEnsembleDeps,
  ensemble: Omit<RecordedEnsemble, 'method'>,
): Promise<void> {
  if (await ensembles.findEnsemble(ensemble.id)) return;
  const manifest = await artifacts.check(ensemble.manifestKey, ensemble.manifestSha256);
  if (manifest.ensembleId !== ensemble.id)
    throw invalidArgument(`the manifest of ensemble ${ensemble.id} is that of ${manifest.ensembleId}`);
  if (manifest.backbone.sha256 !== ensemble.backboneSha256)
    throw invalidArgument(`the manifest of ensemble ${ensemble.id} names another backbone than its event`);
  if (manifest.members.length !== ensemble.memberCount)
    throw invalidArgument(`the manifest of ensemble ${ensemble.id} has another number of members than its event`);
  await ensembles.recordEnsemble({ ...ensemble, method: manifest.method });
  log.info(
    {
      ensembleId: ensemble.id,
      method: manifest.method,
      backbone: ensemble.backboneName,
      members: ensemble.memberCount,
    },
    'ensemble recorded',
  );
}
