// A steady load of reads and idempotent writes on a gateway, one attempt each: whatever a caller would see as a failure is one.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadReport {
  requests: number;
  slowestMs: number;
  /** Method, path, status or error, and the beginning of the answer. */
  failures: string[];
}

/** A POST that was answered; `mark` is a value in what it makes that no other write asks for. */
interface Write {
  path: '/v1/page-sets' | '/v1/fetch-runs';
  key: string;
  body: object;
  mark: string | number;
  id: string;
}
interface Made {
  id: string;
  state?: string;
  reason?: string;
}

const lanes = 6;
// The marks of runs end at 1,000.
const writesMax = 400;
const pauseMs = 40;
const endTimeoutMs = 120_000;
const reads = [
  '/v1/page-sets',
  '/v1/pages?rule=illustrated&limit=5',
  '/v1/fetch-runs',
  '/v1/prediction-runs',
  '/v1/predictions/embeddings',
  '/v1/labels/summary',
  '/v1/iterations',
  '/v1/hq-lists',
  '/v1/trainings',
  '/v1/openapi/trainer.json',
];

export async function startLoad({ url, apiKey }: { url: string; apiKey: string }) {
  const failures: string[] = [];
  let requests = 0;
  let slowestMs = 0;
  let stopping = false;
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const written: Write[] = [];

  async function once(method: string, path: string, body?: object, key: string = randomUUID()): Promise<unknown> {
    const startedAt = Date.now();
    requests++;
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: body ? { ...headers, 'idempotency-key': key } : headers,
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(60_000),
      });
      const text = await response.text();
      slowestMs = Math.max(slowestMs, Date.now() - startedAt);
      if (response.ok) return JSON.parse(text);
      failures.push(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    } catch (error) {
      const { message, cause } = error as Error;
      failures.push(`${method} ${path}: ${message} ${cause instanceof Error ? cause.message : ''}`);
    }
    return undefined;
  }

  const { pages } = (await once('GET', '/v1/pages?rule=illustrated&limit=50')) as { pages: { pageId: number }[] };
  const pageIds = pages.map(({ pageId }) => pageId);
  const run = randomUUID().slice(0, 8);
  let marks = 0;
  const write = async (path: Write['path'], mark: string | number, body: object) => {
    const key = randomUUID();
    const made = (await once('POST', path, body, key)) as Made | undefined;
    if (made) written.push({ path, key, body, mark, id: made.id });
  };
  const lane = async (number: number) => {
    for (let turn = 0; !stopping; turn++) {
      if (turn % 12 === 0 && marks < writesMax) {
        const name = `load-${run}-${number}-${turn}`;
        await write('/v1/page-sets', name, { name, rule: 'illustrated', countMax: 5, seed: turn });
        const page = pageIds[(number * 7 + turn) % pageIds.length];
        // A run of one page heeds no limit: it only tells this run from others.
        const concurrency = ++marks;
        await write('/v1/fetch-runs', concurrency, { pageIds: [page], size: 'small', concurrency });
      }
      await once('GET', reads[(number + turn) % reads.length]!);
      await sleep(pauseMs);
    }
  };
  const running = Array.from({ length: lanes }, (_, number) => lane(number));
  return {
    stop: async (): Promise<LoadReport> => {
      stopping = true;
      await Promise.all(running);
      return { requests, slowestMs, failures };
    },
    /** Every write has made one thing, however often it was sent, is answered with that when it comes again, and every run that it started ends. */
    verify: async (): Promise<void> => {
      const runs = await allRuns();
      for (const { path, key, body, mark, id } of written) {
        const count =
          path === '/v1/page-sets'
            ? ((await once('GET', `/v1/page-sets?name=${mark}`)) as { pageSets: unknown[] }).pageSets.length
            : runs.filter(({ concurrency }) => concurrency === mark).length;
        if (count !== 1) throw new Error(`the write of ${path}/${id} made ${count} things`);
        const again = (await once('POST', path, body, key)) as Made | undefined;
        if (again?.id !== id) throw new Error(`${path}/${id} sent again is ${again?.id ?? failures.at(-1)}`);
      }
      const deadline = Date.now() + endTimeoutMs;
      for (const { path, id } of written) {
        for (;;) {
          const found = (await once('GET', `${path}/${id}`)) as Made | undefined;
          if (!found) throw new Error(`${path}/${id} is lost: ${failures.at(-1)}`);
          if (found.state === undefined || found.state === 'done') break;
          if (found.state !== 'running' && found.state !== 'pending')
            throw new Error(`${path}/${id} ${found.state}: ${found.reason}`);
          if (Date.now() > deadline) throw new Error(`${path}/${id} is still ${found.state}: its work was lost`);
          await sleep(200);
        }
      }
    },
  };

  async function allRuns(): Promise<{ concurrency: number }[]> {
    const found: { concurrency: number }[] = [];
    for (let after = ''; ; ) {
      const page = (await once('GET', `/v1/fetch-runs?limit=1000${after}`)) as {
        fetchRuns: { concurrency: number }[];
        next: string | null;
      };
      found.push(...page.fetchRuns);
      if (page.next === null) return found;
      after = `&after=${page.next}`;
    }
  }
}
