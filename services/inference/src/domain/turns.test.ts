import { expect, it } from 'vitest';
import { createTurns } from './turns.ts';

const staying = new AbortController().signal;

it('does so much at once, lets so many wait, refuses more, and forgets who leaves', async () => {
  const turns = createTurns({ inFlightMax: 1, waitingMax: 2, refusal: 'too many look' });
  const done: string[] = [];
  const first = Promise.withResolvers<void>();
  const work =
    (name: string, until = Promise.resolve()) =>
    async () => {
      await until;
      done.push(name);
    };
  const leaving = new AbortController();
  const one = turns.take(work('one', first.promise), staying);
  const two = turns.take(work('two'), leaving.signal);
  const three = turns.take(work('three'), staying);
  await expect(turns.take(work('four'), staying)).rejects.toMatchObject({
    code: 'resource_exhausted',
    message: 'too many look',
  });
  leaving.abort();
  await expect(two).rejects.toThrow();
  const five = turns.take(work('five'), staying);
  expect(done).toEqual([]);
  first.resolve();
  await Promise.all([one, three, five]);
  expect(done).toEqual(['one', 'three', 'five']);
  await turns.take(work('six'), staying);
  expect(done.at(-1)).toBe('six');
});
