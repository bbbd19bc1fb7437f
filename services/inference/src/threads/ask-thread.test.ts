import { silentLog } from '@florilegium/log';
import { afterAll, expect, it } from 'vitest';
import { createAskedThread } from './ask-thread.ts';
import type { Answer, Request } from './test-thread.fixture.ts';

const thread = createAskedThread<Request, Answer>(new URL('./test-thread.fixture.ts', import.meta.url), {
  name: 'test',
  setup: { greeting: 'hello' },
  log: silentLog,
});
afterAll(() => thread.close());

it('gives each who asks their own answer, whichever comes first', async () => {
  const [slow, fast] = await Promise.all([
    thread.ask({ say: 'slow', afterMs: 200 }),
    thread.ask({ say: 'fast', afterMs: 0 }),
  ]);
  expect([slow.text, fast.text]).toEqual(['hello slow', 'hello fast']);
});

it('hands on an error with its code, and goes on', async () => {
  await expect(thread.ask({ say: 'refuse', afterMs: 0 })).rejects.toMatchObject({
    code: 'not_found',
    message: expect.stringContaining('word'),
  });
  expect(await thread.ask({ say: 'again', afterMs: 0 })).toEqual({ text: 'hello again' });
});

it('fails all who wait when the thread dies, and starts another for the next', async () => {
  const waiting = thread.ask({ say: 'never', afterMs: 60_000 });
  const dying = thread.ask({ say: 'die', afterMs: 0 });
  await expect(dying).rejects.toThrow('the test thread ended with status 3');
  await expect(waiting).rejects.toMatchObject({ code: 'internal' });
  expect(await thread.ask({ say: 'anew', afterMs: 0 })).toEqual({ text: 'hello anew' });
});
