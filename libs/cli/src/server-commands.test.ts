import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// What the commands make of a server's answers; curation's own tests hold what it answers.
const bin = fileURLToPath(new URL('../bin/florilegium.mjs', import.meta.url));
let dir: string;
let server: Server;
let address: string;
let asked: { path: string; text: string }[];
let answers: Record<string, unknown>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'florilegium-server-'));
  asked = [];
  answers = {};
  server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const path = request.url!;
    asked.push({ path, text });
    const answer = answers[path];
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? { detail: 'not known' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const florilegium = (...args: string[]) =>
  new Promise<{ status: number; stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, [bin, ...args, '--server', address], { cwd: dir }, (error, stdout, stderr) =>
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr }),
    ),
  );

describe('update-labels', () => {
  it('sends the file in one piece, and tells what was overwritten and, by its line, what was refused', async () => {
    writeFileSync(join(dir, 'relabels.json'), '[[11, 0],\n\n [12, 1],\n [13, 2],\n [11, 1]]');
    answers['/v1/labels/file?zero=LQ'] = {
      recordedCount: 1,
      unchangedCount: 1,
      overwrittenCount: 1,
      overwritten: [{ pageId: 11, before: 'LQ', now: 'HQ', by: 'vera' }],
      refusedCount: 1,
      refused: [{ line: 3, key: '13', code: 'failed_precondition', message: 'page 13 is never labelled' }],
    };
    const { status, stdout, stderr } = await florilegium(
      'update-labels',
      '--zero',
      'LQ',
      '--label-update',
      'relabels.json',
    );
    expect(asked).toHaveLength(1);
    // Of a page that comes twice the last row counts, as between files.
    expect(JSON.parse(asked[0]!.text)).toEqual({ 11: 1, 12: 1, 13: 2 });
    expect(stdout).toBe('1 labels recorded, 1 stood already, 1 refused\nOverwrite count: 1\n  11 LQ (vera) → HQ\n');
    expect(stderr).toContain('relabels.json: line 4: page 13 is never labelled');
    expect(status).toBe(1);
  });
});

describe('lists', () => {
  const text = '3\n5\n';
  const sha256 = createHash('sha256').update(text).digest('hex');

  it('gets a version as it was frozen, and writes no file of one that came otherwise', async () => {
    answers['/v1/hq-lists/7'] = { version: 7, pagesSha256: sha256 };
    answers['/v1/hq-lists/7/pages.txt'] = text;
    const get = () => florilegium('lists', 'get', '7', '--output-file', 'list.txt');
    expect((await get()).status).toBe(0);
    expect(readFileSync(join(dir, 'list.txt'), 'utf8')).toBe(text);
    expect((await florilegium('lists', 'get', '7')).stdout).toBe(text);
    rmSync(join(dir, 'list.txt'));
    answers['/v1/hq-lists/7/pages.txt'] = '3\n';
    const cut = await get();
    expect(cut.status).toBe(1);
    expect(cut.stderr).toContain('it is not whole');
    expect(existsSync(join(dir, 'list.txt'))).toBe(false);
  });

  it('publishes with as many audit pages outside the candidates as asked, and fails with a list that is cancelled', async () => {
    answers['/v1/hq-lists'] = { version: 8, state: 'predicting' };
    answers['/v1/hq-lists/8'] = { version: 8, state: 'cancelled', reason: 'the wrong rule' };
    const { status, stderr } = await florilegium('lists', 'publish', '--audit-count', '60', '--outside-count', '20');
    expect(JSON.parse(asked[0]!.text)).toEqual({ rule: 'illustrated', auditCount: 60, outsideCount: 20 });
    expect([status, stderr]).toEqual([1, expect.stringContaining('list 8 was cancelled: the wrong rule')]);
  });
});
