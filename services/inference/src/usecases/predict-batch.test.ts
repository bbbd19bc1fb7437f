import { silentLog } from '@florilegium/log';
import { expect, it } from 'vitest';
import { type PredictBatchDeps, predictBatch } from './predict-batch.ts';

/** One page whose embedding is pending for `polls` looks, then corrupt, so that there is nothing to multiply. */
async function predictAfter(polls: number, embeddedAt: (look: number) => number): Promise<number> {
  let looks = 0;
  let noImage = -1;
  const store = {
    embeddings: {
      findEmbeddings: async () => [{ pageId: 7, imageSha256: '', state: ++looks > polls ? 'corrupt' : 'pending' }],
      countEmbeddings: async () => ({ embedded: embeddedAt(looks), pending: 1, failed: 0 }),
      locatePages: async () => [],
      locateBatch: async () => [],
    },
    predictionRuns: {
      findRun: async () => ({ ensembleId: 'e', number: 1 }),
      findBatch: async () => [7],
      describeBatch: async () => ({ pageCount: 1, pageIdMin: 7, pageIdMax: 7 }),
    },
    ensembles: { findEnsemble: async () => ({ manifestKey: 'm', manifestSha256: `of ${polls}` }) },
  };
  const deps = {
    store,
    fetcher: { getImageStates: async () => [{ pageId: 7, kind: 'none' }] },
    backbone: { id: 1 },
    artifacts: { load: async () => ({ ensemble: { dims: 1, temperature: 1, members: [] } }) },
    heads: { predict: async () => new Float32Array() },
    embeddingWaitMs: 0,
    log: silentLog,
  } as unknown as PredictBatchDeps;
  const written = {
    copyPredictions: async () => {},
    predictionRuns: {
      addCounts: async (_: string, counts: { noImage: number }) => {
        noImage = counts.noImage;
      },
    },
  };
  await predictBatch(deps, {
    runId: 'r',
    number: 0,
    signal: new AbortController().signal,
    complete: async (write, writeRows) => {
      await writeRows(written as never);
      await write(written as never, { isLast: false });
    },
  });
  return noImage;
}

it('waits for its embeddings as long as other pages are embedded before it', async () => {
  expect(await predictAfter(5, (look) => 100 + look)).toBe(1);
});

it('is given back when nothing is embedded any more', async () => {
  await expect(predictAfter(1000, () => 100)).rejects.toMatchObject({ code: 'failed_precondition' });
});
