import { spawn } from 'node:child_process';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aLibrary, itemFile, pageFile } from './an-export.ts';
import { type Harness, startHarness, until } from './harness.ts';

let harness: Harness;
let worker: Awaited<ReturnType<Harness['start']>> | undefined;
const { rows, items } = aLibrary(12, 30);
const bin = fileURLToPath(new URL('../../../libs/cli/bin/florilegium.mjs', import.meta.url));

beforeAll(async () => {
  harness = await startHarness('command');
  await harness.exportIn('library', { 'page.txt.gz': pageFile(rows), 'item.txt.gz': itemFile(items) });
});
afterAll(() => harness.close());

/** `florilegium import` as a person would run it; with a terminal it has `script` give it one. */
function florilegium(args: string[], { terminal = false } = {}) {
  const [command, ...rest] = terminal
    ? ['script', '-qec', [process.execPath, bin, ...args].map((arg) => `'${arg}'`).join(' '), '/dev/null']
    : [process.execPath, bin, ...args];
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise<{ status: number | null; output: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
  return { ended, output: () => output };
}

const importing = (source: string, server = harness.base, key = 'o') =>
  florilegium(['import', source, '--server', server, '--key', key]);

describe('florilegium import', () => {
  it('waits while no worker is there, follows the import to its end, and says what came of it', async () => {
    const command = importing(join(harness.root, 'library'));
    await until(() => command.output().startsWith('import '));
    worker = await harness.start({ role: 'worker' });
    const { status, output } = await command.ended;
    const { body } = await harness.get('/v1/imports?limit=1');
    const [run] = body.imports;
    expect({ status, output }).toEqual({
      status: 0,
      output: [
        `import ${run.id}\n`,
        `${rows.length} rows, ${run.keptPageCount} pages kept (${run.newPageCount} new, 0 changed, 0 vanished), candidates: `,
        `${run.candidateCounts.illustrated} by illustrated, ${run.candidateCounts.reference} by reference; 0 bad lines\n`,
      ].join(''),
    });
  });

  it('opens a connection that broke again', async () => {
    let streams = 0;
    const proxy = createServer((incoming, reply) => {
      const { method, url, headers } = incoming;
      const onward = forward(`${harness.base}${url}`, { method, headers }, (answer) => {
        reply.writeHead(answer.statusCode!, answer.headers);
        if (url!.endsWith('/events') && ++streams === 1) answer.once('data', () => reply.destroy());
        else answer.pipe(reply);
      });
      incoming.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const { status, output } = await importing(join(harness.root, 'library'), `http://127.0.0.1:${port}`).ended;
      expect({ status, streams, output }).toMatchObject({ status: 0, streams: 2 });
      expect(output).toContain('(0 new, 0 changed, 0 vanished)');
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it.runIf(process.platform === 'linux')('draws a bar on a terminal', async () => {
    const { status, output } = await florilegium(
      ['import', join(harness.root, 'library'), '--server', harness.base, '--key', 'o'],
      { terminal: true },
    ).ended;
    expect(status, output).toBe(0);
    expect(output).toMatch(/import .*100% [\d,]+ bytes\/s, /);
  });

  it('names the first bad lines', async () => {
    const many = Array.from({ length: 400 }, (_, at) => ({ pageId: at < 12 ? 'x' : 50_000 + at, itemId: 1 }));
    const source = await harness.exportIn('few-bad', { 'page.txt': pageFile(many), 'item.txt': itemFile(items) });
    const { status, output } = await importing(source).ended;
    const lines = Array.from({ length: 10 }, (_, at) => `  page.txt: line ${at + 2}: id_not_numeric\n`);
    expect(status).toBe(0);
    expect(output).toContain(`12 bad lines left out, the first of them:\n${lines.join('')}`);
    expect(output).not.toContain('line 12:');
    await importing(join(harness.root, 'library')).ended;
  });

  it('fails with the reason when the import fails', async () => {
    const source = await harness.exportIn('broken', { 'page.txt': 'PageID\n', 'item.txt': itemFile(items) });
    const { status, output } = await importing(source).ended;
    expect(status).toBe(1);
    expect(output).toMatch(
      /^import (\S+)\nflorilegium: import \1 failed: page\.txt: line 1: the header has no column PagePrefix\n$/,
    );
  });

  it('fails when the import is cancelled', async () => {
    await worker!.stop();
    const command = importing(join(harness.root, 'library'));
    await until(() => command.output().startsWith('import '));
    const id = /^import (\S+)/.exec(command.output())![1];
    await harness.post(`/v1/imports/${id}/cancel`, {});
    expect(await command.ended).toEqual({
      status: 1,
      output: `import ${id}\nflorilegium: import ${id} was cancelled\n`,
    });
  });

  it.each([
    [
      'a source outside the roots',
      () => importing('/etc'),
      /source is not a folder or a \.zip under a configured root/,
    ],
    ['a viewer', () => importing('x', harness.base, 'v'), /403: .*operator/],
    ['nobody at the address', () => importing('x', 'http://127.0.0.1:9'), /127\.0\.0\.1:9 cannot be reached: /],
    ['what is no address', () => importing('x', 'here'), /--server is not an address: here/],
  ])('refuses %s in one line', async (_, command, reason) => {
    const { status, output } = await command().ended;
    expect(status).toBe(1);
    expect(output).toMatch(reason);
    expect(output.trim().split('\n')).toHaveLength(1);
  });
});
