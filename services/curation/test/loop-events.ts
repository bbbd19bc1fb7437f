import { v7 as uuidv7 } from 'uuid';
import { type TestService, until } from './service.ts';

/** The iteration's ensemble, as trainer would tell of it: scores in the store, the event twice. */
export async function trainEnsemble(service: TestService, number: number): Promise<string> {
  const frozen = await until(
    'frozen event',
    () => service.payloadsOf('curation.label_set.frozen').find(({ iterationNumber }) => iterationNumber === number),
    (event) => event !== undefined,
  );
  const { iterationId, labelSetId } = frozen!;
  const ensembleId = uuidv7();
  service.world.noiseOf.set(ensembleId, `ensemble ${number}`);
  const lines: string[] = [];
  for await (const { pages } of service.grpc.streamLabelSet({ labelSetId }))
    for (const { pageId } of pages) {
      // The last member saw every item; the others none.
      const members = service.world
        .membersOf(`out of fold ${number}`, pageId)
        .map((p, index) => (index === 4 ? null : p));
      lines.push(JSON.stringify({ pageId, members, mean: 0.5, labelQuality: 0.5 }));
    }
  const { key, sha256 } = await service.objects.putContent('models', 'jsonl', Buffer.from(`${lines.join('\n')}\n`));
  await service.publishTwice('trainer.ensemble.trained', {
    ensembleId,
    trainingId: uuidv7(),
    labelSetId,
    iterationId,
    manifestKey: 'models/manifest.json',
    manifestSha256: 'ab'.repeat(32),
    outOfFoldKey: key,
    outOfFoldSha256: sha256,
    temperature: 1.3,
    backboneName: 'classic',
    backboneSha256: 'cd'.repeat(32),
    memberCount: 5,
    scores: { accuracy: 0.9, auc: 0.95, logLoss: 0.2, pageCount: lines.length },
    droppedPageCount: 0,
  });
  return ensembleId;
}

/** Inference records the ensemble and finishes the iteration's runs, each told of twice. */
export async function predictSets(service: TestService, ensembleId: string): Promise<void> {
  service.world.recorded.add(ensembleId);
  const runs = await until(
    'prediction runs',
    () => [...service.world.runs].filter(([key]) => key.startsWith(ensembleId)).map(([, run]) => run),
    (found) => found.length === 4,
  );
  for (const run of runs)
    await service.publishTwice('inference.run.completed', {
      runId: run.runId,
      ensembleId,
      pageSetId: run.selection,
      rule: '',
      predictedCount: run.predictedCount,
      noImageCount: run.noImageCount,
    });
}

/** Inference ends the run that a list waits for; each list asks for its own, since candidates change. */
export async function completeListRun(
  service: TestService,
  { id, ensembleId }: { id: string; ensembleId: string },
): Promise<void> {
  const run = await until(
    'run',
    () => service.world.runs.get(`${ensembleId} hq-list-${id}`),
    (found) => found !== undefined,
  );
  await service.publishTwice('inference.run.completed', {
    runId: run!.runId,
    ensembleId,
    pageSetId: '',
    rule: 'illustrated',
    predictedCount: run!.predictedCount,
    noImageCount: run!.noImageCount,
  });
}
