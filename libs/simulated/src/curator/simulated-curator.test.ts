import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import type { TruthLabel } from '../truth.ts';
import { createSimulatedCurator } from './simulated-curator.ts';

interface Given {
  pageId: number;
  label: TruthLabel;
  queue: string;
  iteration?: number;
  tookMs: number;
}

/** A stand-in for curation's REST: queues of pages that leave a queue once labelled, and idempotent label posts. */
class FakeCuration {
  readonly app: FastifyInstance = Fastify();
  readonly labels: Given[] = [];
  readonly keys: (string | undefined)[] = [];
  readonly seen: { authorization: string | undefined; url: string }[] = [];
  readonly answers = new Map<string, unknown>();
  queue: number[];
  refused = new Set<number>();
  /** Statuses to answer before anything is looked at; 0 breaks the connection after the work is done. */
  failures: number[] = [];

  constructor(queue: number[]) {
    this.queue = queue;
    this.app.addHook('onRequest', async (request, reply) => {
      this.seen.push({ authorization: request.headers.authorization, url: request.url });
      const status = this.failures[0];
      if (status === undefined || status === 0) return;
      this.failures.shift();
      return reply.code(status).send({ title: 'try again', status });
    });
    this.app.get('/v1/labels/summary', async () => {
      const byQueue: Record<string, number> = {};
      for (const { queue: name } of this.labels) byQueue[name] = (byQueue[name] ?? 0) + 1;
      return { byQueue, askedCount: this.labels.length };
    });
    this.app.get<{ Params: { name: string }; Querystring: { limit: string } }>(
      '/v1/review-queues/:name',
      async (request) => {
        const labelled = new Set(this.labels.map(({ pageId }) => pageId));
        const pages = this.queue.filter((pageId) => !labelled.has(pageId)).slice(0, Number(request.query.limit));
        return { queue: request.params.name, iteration: null, pages: pages.map((pageId) => ({ pageId })) };
      },
    );
    this.app.post<{ Body: { labels: Given[] } }>('/v1/labels', async (request, reply) => {
      const key = request.headers['idempotency-key'] as string;
      this.keys.push(key);
      let answer = this.answers.get(key);
      if (!answer) {
        const taken = request.body.labels.filter(({ pageId }) => !this.refused.has(pageId));
        this.labels.push(...taken);
        answer = { recordedCount: taken.length, refused: [] };
        this.answers.set(key, answer);
      }
      if (this.failures[0] === 0) {
        this.failures.shift();
        reply.hijack();
        request.raw.socket.destroy();
        return reply;
      }
      return answer;
    });
  }
}

const truth = new Map<number, TruthLabel>(
  Array.from({ length: 100 }, (_, at) => [at + 1, at % 10 === 9 ? 'NOT_SURE' : at % 2 === 0 ? 'HQ' : 'LQ']),
);
let curation: FakeCuration;
afterEach(() => curation.app.close());

async function aCurator(queue: number[], options: { retryForMs?: number; signal?: AbortSignal } = {}) {
  curation = new FakeCuration(queue);
  await curation.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = curation.app.server.address() as { port: number };
  return createSimulatedCurator({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'k', truth, seed: 1, ...options });
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

describe('the simulated curator', () => {
  it('labels from truth until the target, in small batches, with its key', async () => {
    const curator = await aCurator(upTo(100));
    const progress: number[] = [];
    const done = await curator.labelQueue('initial', { target: 50, onProgress: (count) => progress.push(count) });
    expect(done).toEqual({ given: 50, byQueueTotal: 50 });
    expect(curation.labels.map(({ pageId, label, queue }) => [pageId, label, queue])).toEqual(
      upTo(50).map((pageId) => [pageId, truth.get(pageId), 'initial']),
    );
    expect(progress).toEqual([0, 20, 40, 50]);
    expect(new Set(curation.seen.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer k']));
    expect(curation.labels.every(({ tookMs, iteration }) => tookMs >= 500 && iteration === undefined)).toBe(true);
  });

  it('stops when the queue is empty', async () => {
    const curator = await aCurator(upTo(7));
    expect(await curator.labelQueue('audit', { target: 50 })).toEqual({ given: 7, byQueueTotal: 7 });
  });

  it('goes on where another was killed, and spends no more than the target', async () => {
    const curator = await aCurator(upTo(100));
    await curator.labelQueue('review', { target: 30, iteration: 2 });
    expect(curation.labels[0]).toMatchObject({ iteration: 2 });
    expect(
      curation.seen.some(({ url }) => url.includes('/v1/review-queues/review?') && url.includes('iteration=2')),
    ).toBe(true);
    const { port } = curation.app.server.address() as { port: number };
    const successor = createSimulatedCurator({ baseUrl: `http://127.0.0.1:${port}`, apiKey: 'k', truth, seed: 1 });
    expect(await successor.labelQueue('review', { target: 45, iteration: 2 })).toEqual({ given: 15, byQueueTotal: 45 });
    expect(await successor.labelQueue('review', { target: 45, iteration: 2 })).toEqual({ given: 0, byQueueTotal: 45 });
    expect(new Set(curation.labels.map(({ pageId }) => pageId)).size).toBe(45);
  });

  it('labels nothing twice when an answer is lost', async () => {
    const curator = await aCurator(upTo(40));
    curation.failures = [0];
    expect(await curator.labelQueue('initial', { target: 40 })).toEqual({ given: 40, byQueueTotal: 40 });
    expect(curation.keys).toHaveLength(3);
    expect(curation.keys[0]).toBe(curation.keys[1]);
    expect(curation.labels).toHaveLength(40);
  });

  it('tries again after 429 and 5xx', async () => {
    const curator = await aCurator(upTo(5));
    curation.failures = [503, 429, 500];
    expect((await curator.labelQueue('initial', { target: 5 })).given).toBe(5);
  });

  it('gives up with the reason when failures do not end', async () => {
    const curator = await aCurator(upTo(5), { retryForMs: 300 });
    curation.failures = new Array(50).fill(503);
    await expect(curator.labelQueue('initial', { target: 5 })).rejects.toThrow(/answered 503: try again/);
  });

  it('throws at once what trying again cannot mend', async () => {
    const curator = await aCurator(upTo(5));
    curation.failures = [403];
    await expect(curator.labelQueue('initial', { target: 5 })).rejects.toMatchObject({ code: 'permission_denied' });
    expect(curation.seen).toHaveLength(1);
  });

  it('ends when pages are refused or unknown to truth, and labels those behind them', async () => {
    const curator = await aCurator([...Array.from({ length: 250 }, (_, at) => 1000 + at), 1, 2, 3]);
    curation.refused = new Set([2]);
    const done = await curator.labelQueue('initial', { target: 50 });
    expect(curation.labels.map(({ pageId }) => pageId)).toEqual([1, 3]);
    expect(done).toEqual({ given: 2, byQueueTotal: 2 });
  });
});
