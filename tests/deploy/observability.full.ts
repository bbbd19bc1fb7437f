// Prometheus on a stack that `npm start` has brought up and that has run the sample job: every panel shows data, every metric that a
// dashboard or an alert names is there, no alert fires, and the logs follow one page from fetch to prediction without a secret in them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, serviceNames } from '@florilegium/stack';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { dashboards, type Panel } from '../../deploy/observability/panels.ts';
import { type JobProcess, startJob } from '../whole-run/job-process.ts';
import { prometheus, promtool, sampleLibrary } from './tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rulesFile = join(root, 'deploy/helm/florilegium/files/rules.yaml');
const missing = prometheus && promtool ? undefined : "Prometheus (Debian's package prometheus)";

const panels: (Panel & { dashboard: string })[] = dashboards.flatMap(({ name, rows }) =>
  Object.values(rows)
    .flat()
    .map((panel) => ({ ...panel, dashboard: name })),
);
/** Of what comes and goes: empty on a stack that is well, or at rest. */
const mayBeEmpty = ({ needs }: Panel) => needs === 'nothing wrong' || needs === 'requests under way';
const named = ({ dashboard, title }: { dashboard: string; title: string }) => `${dashboard}: ${title}`;

/** Names of metrics in a query; functions are followed by a bracket, labels stand in braces or after `by`. */
const metricsIn = (query: string) => [
  ...new Set(query.match(/\b(florilegium|nodejs|process|up|kube|keda|kubelet|DCGM|minio)(_\w+|(?=\{))/g)),
];

let folder: string;
let job: JobProcess;
let server: ChildProcess | undefined;
let base: string;
let urls: Record<string, string>;
let startedAt: number;

interface Result {
  value?: [number, string];
  values?: [number, string][];
}
async function ask<Data>(path: string, parameters: Record<string, string> = {}): Promise<Data> {
  const response = await fetch(`${base}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = (await response.json()) as { status: string; data: Data; error?: string };
  expect(body.error).toBeUndefined();
  return body.data;
}
/** The values that a panel shows: now, or over the job's time. */
async function valuesOf({ kind = 'timeseries' }: Panel, expression: string): Promise<number[]> {
  const query = expression.replaceAll('$__rate_interval', '10s');
  const now = { query: expression.replaceAll('$__rate_interval', '20m') };
  const over = { query, start: String(startedAt / 1000), end: String(Date.now() / 1000), step: '1s' };
  const { result } =
    kind === 'timeseries'
      ? await ask<{ result: Result[] }>('query_range', over)
      : await ask<{ result: Result[] }>('query', now);
  return result
    .flatMap(({ value, values }) => values ?? [value!])
    .map(([, text]) => Number(text))
    .filter(Number.isFinite);
}

describe.skipIf(missing)(`the running stack${missing ? ` (skipped: no ${missing})` : ''}`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florilegium-observability-'));
    const data = join(folder, 'data');
    startedAt = Date.now();
    job = startJob(['--library', await sampleLibrary(), '--data', data, '--port', String(await freePort())]);
    const ports = await jsonOf<Record<string, number>>(join(data, 'ports.json'));
    urls = Object.fromEntries(serviceNames.map((name) => [name, `127.0.0.1:${ports[name]}`]));
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '5s' },
      rule_files: [rulesFile],
      scrape_configs: serviceNames.map((name) => ({
        job_name: name,
        static_configs: [{ targets: [urls[name]], labels: { role: 'all' } }],
      })),
    };
    await writeFile(join(folder, 'prometheus.yml'), stringify(config));
    server = spawn(
      prometheus!,
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'tsdb')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    await job.said(/^UI /m);
    await sleep(6000);
  }, 800_000);
  afterAll(async () => {
    server?.kill('SIGTERM');
    job?.child.kill('SIGTERM');
    await job?.ended;
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  it('shows data in every panel', async () => {
    const empty: string[] = [];
    const faults: string[] = [];
    for (const panel of panels)
      for (const [legend, expression] of Object.entries(panel.queries)) {
        const query = `${named(panel)}, ${legend}`;
        const has = (await valuesOf(panel, expression)).length > 0;
        if (!has) empty.push(query);
        if (!has && !panel.needs) faults.push(`${query}: no data`);
        // A panel that says it needs more than this stack has, and shows data all the same, says something wrong.
        if (has && panel.needs && !mayBeEmpty(panel)) faults.push(`${query} needs no ${panel.needs}`);
      }
    console.log(`${panels.length} panels; queries without data: ${empty.join('; ')}`);
    expect(faults).toEqual([]);
  });

  it('has every metric that a dashboard or an alert names', async () => {
    const texts = await Promise.all(
      Object.values(urls).map(async (url) => (await fetch(`http://${url}/metrics`)).text()),
    );
    const declared = new Set(
      texts.flatMap((text) =>
        [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name, type]) =>
          type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name!],
        ),
      ),
    ).add('up');
    const { groups } = parse(await readFile(rulesFile, 'utf8')) as { groups: { rules: { expr: string }[] }[] };
    const expressions = [
      ...panels.filter((panel) => !panel.needs || mayBeEmpty(panel)).flatMap(({ queries }) => Object.values(queries)),
      ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ];
    const names = [...new Set(expressions.flatMap(metricsIn))].filter((name) => !/^kube(let)?_/.test(name));
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => !declared.has(name))).toEqual([]);
  });

  it('evaluates every alert, and none fires or is about to on a stack that is well', async () => {
    const { groups } = await ask<{ groups: { rules: { name: string; health: string; state: string }[] }[] }>('rules');
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    // Most wait for minutes before they fire, longer than this stack is up: here they would be `pending`.
    expect(rules.filter(({ state }) => state !== 'inactive').map(({ name, state }) => `${name} ${state}`)).toEqual([]);
  });

  it('follows one page from fetch to prediction in the logs, by its request', async () => {
    const lines = (await logLines()).filter(({ msg }) => msg !== undefined);
    const stored = lines.find(({ msg, pageIds }) => msg === 'images stored' && (pageIds as number[]).length > 0)!;
    const [pageId] = stored.pageIds as number[];
    expect(stored).toMatchObject({ service: 'fetcher', requestId: expect.any(String), runId: expect.any(String) });
    const embedded = lines.find(
      ({ msg, pageIds }) => msg === 'batch embedded' && (pageIds as number[]).includes(pageId!),
    )!;
    expect(embedded).toMatchObject({ service: 'inference', requestId: stored.requestId });
    const predicted = lines.filter(
      ({ msg, pageIdMin, pageIdMax }) =>
        msg === 'batch predicted' && (pageIdMin as number) <= pageId! && pageId! <= (pageIdMax as number),
    );
    expect(predicted.length).toBeGreaterThan(0);
    // The request that started the iteration stands on the lines of all services that worked for it.
    const { requestId } = predicted[0]!;
    expect(requestId).toEqual(expect.any(String));
    const services = new Set(lines.filter((line) => line.requestId === requestId).map(({ service }) => service));
    expect([...services].toSorted()).toEqual(expect.arrayContaining(['inference', 'trainer']));
  });

  it('writes no secret into its logs', async () => {
    const secrets = Object.values(await jsonOf<Record<string, string>>(join(folder, 'data', 'secrets.json'))).filter(
      (value) => typeof value === 'string' && value.length > 8,
    );
    expect(secrets.length).toBeGreaterThan(1);
    const text = (await logTexts()).join('\n');
    expect(text.length).toBeGreaterThan(10_000);
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    expect(text).not.toMatch(/postgres(ql)?:\/\/[^\s:@]+:(?!\[secret\])[^\s@]+@/);
  });

  async function logTexts(): Promise<string[]> {
    const logs = join(folder, 'data', 'logs');
    return Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')));
  }
  async function logLines(): Promise<Record<string, unknown>[]> {
    return (await logTexts()).flatMap((text) =>
      text.split('\n').flatMap((line) => {
        try {
          return [JSON.parse(line) as Record<string, unknown>];
        } catch {
          return [];
        }
      }),
    );
  }
});

it.skipIf(!promtool)('has a scrape configuration for compose.yaml that promtool accepts', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'florilegium-promtool-'));
  await copyFile(join(root, 'deploy/observability/prometheus.yml'), join(copy, 'prometheus.yml'));
  await copyFile(rulesFile, join(copy, 'rules.yaml'));
  expect(execFileSync(promtool!, ['check', 'config', join(copy, 'prometheus.yml')], { encoding: 'utf8' })).toContain(
    'SUCCESS',
  );
  await rm(copy, { recursive: true });
});

async function jsonOf<Content>(path: string): Promise<Content> {
  for (let attempt = 0; ; attempt++) {
    try {
      return JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      if (attempt > 1500) throw error;
      await sleep(200);
    }
  }
}
