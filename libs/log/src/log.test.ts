import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { checkedRequestId, createLog, inLogContext, logContext } from './index.ts';

function aLog() {
  const lines: string[] = [];
  const log = createLog({ service: 'catalog', destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

it('puts the ids of the work on each line that is logged in it, also after a wait', async () => {
  const { log, last } = aLog();
  await inLogContext({ requestId: 'r1' }, async () => {
    await sleep(1);
    await inLogContext({ runId: 'run1' }, async () => {
      await sleep(1);
      log.info({ pages: 3 }, 'done');
    });
  });
  expect(last()).toMatchObject({ service: 'catalog', level: 'info', requestId: 'r1', runId: 'run1', pages: 3 });
  log.info({}, 'outside');
  expect(last()).not.toHaveProperty('requestId');
});

it('keeps two pieces of work that run at once apart', async () => {
  const seen = await Promise.all(
    ['a', 'b'].map((requestId) =>
      inLogContext({ requestId }, async () => {
        await sleep(2);
        return logContext().requestId;
      }),
    ),
  );
  expect(seen).toEqual(['a', 'b']);
});

it('lets the field of a line win over the one of the work', () => {
  const { log, last } = aLog();
  inLogContext({ runId: 'outer' }, () => log.info({ runId: 'inner' }, 'done'));
  expect(last().runId).toBe('inner');
});

it.each([
  ['a field by its name', { databaseUrl: 'postgresql://u:hunter2@h/d' }, 'm'],
  ['a field one level down', { config: { serviceApiKey: 'hunter2' } }, 'm'],
  ['an authorization header', { headers: { authorization: 'Bearer hunter2' } }, 'm'],
  ['an address in an error', { err: new Error('connect postgresql://catalog:hunter2@db:5432/x failed') }, 'm'],
  ['an address in a reason', { reason: 'nats://florilegium:hunter2@nats:4222 refused' }, 'm'],
  ['a key in a message', {}, 'sent Authorization: Bearer hunter2'],
])('writes no secret: %s', (_, fields, message) => {
  const { log, lines } = aLog();
  log.error(fields, message);
  expect(lines.join('')).not.toContain('hunter2');
});

it('takes no request id that would not stand in a header or a log line', () => {
  expect(checkedRequestId('7f3c-a.b:1')).toBe('7f3c-a.b:1');
  for (const bad of ['', 'a b', 'a\nb', 'x'.repeat(101), undefined, ['a'], '{"a":1}'])
    expect(checkedRequestId(bad)).toBeUndefined();
});
