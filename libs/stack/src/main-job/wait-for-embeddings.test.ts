import { expect, it } from 'vitest';
import { followRun } from './follow-run.ts';
import { waitForEmbeddings } from './wait-for-embeddings.ts';

const { signal } = new AbortController();
const progress = { update: () => {}, end: () => {} };
/** Answers with one after the other, then with the last for ever. */
const answering = (...answers: object[]) => ({
  get: async <Result>() => (answers.length > 1 ? answers.shift() : answers[0]) as Result,
});
const options = { images: 10, progress, signal, intervalMs: 5 };

it('waits until as many are embedded as there are images', async () => {
  const rest = answering({ embedded: 0, pending: 0, failed: 0 }, { embedded: 9, pending: 0, failed: 1 });
  expect(await waitForEmbeddings({ ...options, rest })).toEqual({ embedded: 9, pending: 0, failed: 1 });
});

it('goes on when a batch gave up, so that nothing is pending and nothing comes', async () => {
  const rest = answering({ embedded: 2, pending: 8, failed: 0 }, { embedded: 4, pending: 0, failed: 0 });
  expect(await waitForEmbeddings({ ...options, rest, settleMs: 40 })).toMatchObject({ embedded: 4 });
});

it('gives up in one line when what is pending never moves', async () => {
  const rest = answering({ embedded: 2, pending: 8, failed: 0 });
  await expect(waitForEmbeddings({ ...options, rest, settleMs: 10, stallMs: 40 })).rejects.toThrow(
    /^embedding has not moved for/,
  );
});

it('follows a run while it moves, and no longer', async () => {
  const run = (doneCount: number, state = 'running') => ({ id: 'r', state, doneCount, totalCount: 2 });
  const follow = (rest: ReturnType<typeof answering>) =>
    followRun({ rest, path: '/v1/imports/r', signal, intervalMs: 20, stallMs: 50 });
  expect(await follow(answering(run(0), run(0), run(1), run(1), run(2), run(2), run(2, 'done')))).toEqual(
    run(2, 'done'),
  );
  await expect(follow(answering(run(1)))).rejects.toThrow('/v1/imports/r has not moved for');
});
