import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askPatiently } from './ask-server.ts';
import { readPredictions } from './reference-files.ts';
import { runCli } from './run-cli.ts';

let dir: string;
let server: Server;
let address: string;
let asked: { call: string; key: string | undefined; body: unknown }[];
/** Answers by method and path without the query; those of a list are given one after the other, the last one for ever. */
let answers: Record<string, unknown[]>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'train-infer-'));
  asked = [];
  answers = {};
  server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const call = `${request.method} ${request.url!.split('?')[0]}`;
    asked.push({ call, key: request.headers['idempotency-key'] as string | undefined, body: text && JSON.parse(text) });
    const left = answers[call];
    const answer = left && left.length > 1 ? left.shift() : left?.[0];
    response.statusCode = answer === undefined ? 404 : typeof answer === 'number' ? answer : 200;
    response.end(JSON.stringify(answer ?? { detail: 'unknown' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

const at = (name: string) => join(dir, name);
const run = (...args: string[]) => runCli([...args, '--server', address]);
const said = () => vi.mocked(console.error).mock.calls.flat().join('\n');
const aModel = () =>
  writeFileSync(
    at('model'),
    JSON.stringify({
      florilegium: 'ensemble',
      iteration: 1,
      ensembleId: 'e',
      memberCount: 2,
      predictionRuns: { train: 'r' },
    }),
  );

it.each(['HQ', 'LQ'] as const)(
  'what infer writes with --zero %s is read with the same option as it was meant',
  async (zero) => {
    aModel();
    mkdirSync(at('images'));
    for (const pageId of [7, 8]) writeFileSync(at(`images/${pageId}.jpeg`), 'picture');
    answers['GET /v1/prediction-runs/r/members/0.json'] = [{ 7: [2, -2], 8: [-1, 1] }];
    const args = ['--zero', zero, '--image-dir', at('images'), '--output-dir', at('sorted')];
    expect(await run('infer', '--model', at('model'), '--output', at('out.json'), ...args)).toBe(0);
    const read = await readPredictions(at('out.json'), { zero });
    expect(read.get(7)).toBeGreaterThan(0.9);
    expect(read.get(8)).toBeLessThan(0.2);
    expect(existsSync(at(`sorted/${zero === 'HQ' ? 0 : 1}/7.jpeg`))).toBe(true);
    expect(existsSync(at(`sorted/${zero === 'HQ' ? 1 : 0}/8.jpeg`))).toBe(true);
  },
);

it('infer has all candidates of a rule predicted, and waits for that', async () => {
  aModel();
  answers['POST /v1/prediction-runs'] = [{ id: 'all' }];
  answers['GET /v1/prediction-runs/all'] = [{ state: 'running' }, { state: 'done' }];
  answers['GET /v1/prediction-runs/all/members/1.json'] = [{ 5: [1, -1] }];
  const args = ['--model', at('model'), '--output', at('out.json'), '--member', '1'];
  expect(await run('infer', ...args, '--rule', 'illustrated')).toBe(0);
  expect(asked[0]).toMatchObject({ body: { ensembleId: 'e', rule: 'illustrated' } });
  expect(JSON.parse(readFileSync(at('out.json'), 'utf8'))).toEqual({ 5: [1, -1] });
  answers['GET /v1/prediction-runs/all'] = [{ state: 'failed', reason: 'weights are gone' }];
  expect(await run('infer', ...args, '--page-set', 's')).toBe(1);
  expect(said()).toContain('prediction run all is failed: weights are gone');
});

it('train asks for one iteration however often it must ask, and knows the members of an ensemble that predicted nothing', async () => {
  writeFileSync(at('labels.json'), '{"1": 0, "2": 1}');
  answers['POST /v1/labels/file'] = [
    { recordedCount: 2, unchangedCount: 0, overwrittenCount: 0, refusedCount: 0, refused: [] },
  ];
  answers['POST /v1/iterations'] = [{ number: 3, parentEnsembleId: null, labelCount: 2 }];
  answers['GET /v1/iterations/3'] = [
    { state: 'training' },
    { state: 'review', ensembleId: 'e', predictionRuns: { unlabelled: 'u' }, outOfFold: null },
  ];
  answers['GET /v1/trainings'] = [
    {
      trainings: [
        { ensembleId: null, memberCount: 9 },
        { ensembleId: 'e', memberCount: 4 },
      ],
      next: null,
    },
  ];
  expect(await run('train', '--labels', at('labels.json'), '--output', at('model'))).toBe(0);
  expect(JSON.parse(readFileSync(at('model'), 'utf8'))).toMatchObject({
    memberCount: 4,
    predictionRuns: { unlabelled: 'u' },
  });
  expect(asked.find(({ call }) => call === 'POST /v1/iterations')!.key).toMatch(/^[0-9a-f-]{36}$/);
});

it('what goes on for hours is asked for again while the server is away, not when it refuses', async () => {
  answers['GET /run'] = [503, 429, 504, { state: 'done' }];
  const server = { server: address };
  expect(await askPatiently(server, '/run', {}, { pauseMs: 1 })).toEqual({ state: 'done' });
  answers['GET /run'] = [403];
  await expect(askPatiently(server, '/run', {}, { pauseMs: 1 })).rejects.toMatchObject({ code: 'permission_denied' });
});
