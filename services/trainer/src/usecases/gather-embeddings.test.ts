import { silentLog } from '@florilegium/log';
import { expect, it } from 'vitest';
import { gatherEmbeddings } from './gather-embeddings.ts';

const backbone = { name: 'fake', sha256: 'b', dimensions: 1 };

/** One page that comes at the `rounds`th question, while `embeddedAt` says how many pages of all are embedded. */
const gatherAfter = (rounds: number, embeddedAt: (round: number) => number) => {
  let round = 0;
  return gatherEmbeddings(
    {
      inference: {
        async *streamEmbeddings() {
          const isThere = ++round >= rounds;
          yield {
            pageIds: isThere ? [7] : [],
            halves: Buffer.alloc(isThere ? 2 : 0),
            pendingPageIds: isThere ? [] : [7],
            unavailablePageIds: [],
          };
        },
        countEmbedded: async () => embeddedAt(round),
      },
      embeddingWaitMs: 0,
      log: silentLog,
    },
    [7],
    backbone,
    new AbortController().signal,
  );
};

it('waits for its pages as long as others are embedded before them, and no longer', async () => {
  expect([...(await gatherAfter(4, (round) => round)).keys()]).toEqual([7]);
  await expect(gatherAfter(4, () => 5)).rejects.toMatchObject({ code: 'failed_precondition' });
});
