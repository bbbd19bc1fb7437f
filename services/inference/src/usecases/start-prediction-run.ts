import { alreadyExists, failedPrecondition, invalidArgument } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { checkUuid, type PageSelection, type PredictionRun } from '../domain/prediction-run.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';

export interface StartPredictionRunDeps {
  store: Pick<RootStore, 'ensembles' | 'predictionRuns' | 'inTransaction'>;
  catalog: Pick<CatalogClient, 'checkPageSet'>;
  backbone: RecordedBackbone;
}

export interface StartPredictionRunInput {
  ensembleId: string;
  selection: PageSelection;
  idempotencyKey?: string | undefined;
}

/**
 * Starts a run, or answers with the one that there is for this key, or for this ensemble and selection. A run over a rule that is done answers
 * only to its key: the rule's candidates and their images may have changed since.
 */
export async function startPredictionRun(
  { store, catalog, backbone }: StartPredictionRunDeps,
  input: StartPredictionRunInput,
): Promise<PredictionRun> {
  const ensembleId = checkUuid(input.ensembleId, 'ensembleId');
  const { selection, idempotencyKey } = input;
  const findExisting = async () =>
    (idempotencyKey ? await store.predictionRuns.findRunByKey(idempotencyKey) : undefined) ??
    (await store.predictionRuns.findRunFor(ensembleId, selection));
  const existing = await findExisting();
  if (existing) return sameQuestion(existing, ensembleId, selection);

  const ensemble = await store.ensembles.findEnsemble(ensembleId);
  if (!ensemble) throw failedPrecondition(`ensemble ${ensembleId} is not recorded`, { field: 'ensembleId' });
  if (ensemble.method === 'probe' && ensemble.backboneSha256 !== backbone.sha256)
    throw invalidArgument(
      `ensemble ${ensembleId} was trained on embeddings of ${ensemble.backboneName}; ${backbone.name} serves now: train anew`,
      { field: 'ensembleId' },
    );
  if (selection.kind === 'page-set') await catalog.checkPageSet(selection.pageSetId);

  const id = uuidv7();
  const inserted = await store.inTransaction(async ({ predictionRuns, enqueue }) => {
    if (!(await predictionRuns.insertRun({ id, ensembleId, selection, idempotencyKey }))) return false;
    await enqueue('select', id, [{ number: 0 }]);
    return true;
  });
  if (inserted) return (await store.predictionRuns.findRun(id))!;
  // Somebody asked the same at the same moment.
  const other = await findExisting();
  if (!other) throw failedPrecondition('another run for this question has just ended; ask again');
  return sameQuestion(other, ensembleId, selection);
}

function sameQuestion(run: PredictionRun, ensembleId: string, selection: PageSelection): PredictionRun {
  if (run.ensembleId !== ensembleId || JSON.stringify(run.selection) !== JSON.stringify(selection))
    throw alreadyExists(`the Idempotency-Key was used for another request, which is run ${run.id}`, {
      field: 'Idempotency-Key',
    });
  return run;
}
