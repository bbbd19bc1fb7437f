// A steady load of reads and idempotent writes on a gateway, one attempt each: whatever a caller would see as a failure is one.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadReport {
  requests: number;
  slowestMs: number;
  /** Method, path, status or error, and the beginning of the answer. */
  failures: string[];
}

const lanes = 6;
const pauseMs = 40;
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
  const written: { path: string; id: string }[] = [];

  async function once(method: string, path: string, body?: object): Promise<unknown> {
    const startedAt = Date.now();
    requests++;
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: body ? { ...headers, 'idempotency-key': randomUUID() } : headers,
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
  const lane = async (number: number) => {
    for (let turn = 0; !stopping; turn++) {
      if (turn % 12 === 0 && written.length < 200) {
        const set = { name: `load-${run}-${number}-${turn}`, rule: 'illustrated', countMax: 5, seed: turn };
        const made = (await once('POST', '/v1/page-sets', set)) as { id: string } | undefined;
        if (made) written.push({ path: '/v1/page-sets', id: made.id });
        const page = pageIds[(number * 7 + turn) % pageIds.length];
        const started = (await once('POST', '/v1/fetch-runs', { pageIds: [page], size: 'small' })) as
          | { id: string }
          | undefined;
        if (started) written.push({ path: '/v1/fetch-runs', id: started.id });
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
    /** Every write has the one thing that it made, and every run that it started ends. */
    verify: async (): Promise<void> => {
      const ids = new Set(written.map(({ id }) => id));
      if (ids.size !== written.length) throw new Error('two writes made the same thing');
      const deadline = Date.now() + 120_000;
      for (const { path, id } of written) {
        for (;;) {
          const found = (await once('GET', `${path}/${id}`)) as { state?: string; reason?: string } | undefined;
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
}
