import { createHash } from 'node:crypto';
import { createRandom } from '../random.ts';
import type { TruthLabel } from '../truth.ts';
import { openRestSession } from './rest-session.ts';

export type CuratorQueue = 'initial' | 'review' | 'notsure' | 'misprediction' | 'uncertain' | 'audit';

export interface SimulatedCuratorOptions {
  /** Origin of the gateway. */
  baseUrl: string;
  /** A key with the role `curator`; may be absent where the services run with AUTH=off. */
  apiKey?: string | undefined;
  truth: ReadonlyMap<number, TruthLabel>;
  seed?: number;
  signal?: AbortSignal;
  /** How long one call may go on failing before the curator gives up. */
  retryForMs?: number;
}

export interface LabelQueueOptions {
  /** Labels this queue shall have had in all, those of earlier runs included. */
  target: number;
  /** Which iteration's queue; the latest when absent. */
  iteration?: number;
  onProgress?: (done: number, target: number) => void;
}

export interface LabelledQueue {
  /** Labels given now. */
  given: number;
  /** Labels the queue has had in all, as the service counts them. */
  byQueueTotal: number;
}

export interface SimulatedCurator {
  /** Works a queue until `target` labels have been given to it in all, or until it has no page left that truth knows. */
  labelQueue(queue: CuratorQueue, options: LabelQueueOptions): Promise<LabelledQueue>;
}

interface QueuePages {
  iteration: number | null;
  pages: { pageId: number }[];
}

const labelsPerPostMax = 20;
const pagesPerRead = 200;
/** The most that the service gives at once. */
const pagesPerReadMax = 1000;

/**
 * The person at the labelling screen, played from a library's truth: reads review queues and posts labels as the web UI does.
 * It keeps nothing of its own: what has been labelled and spent is asked of the service, so that a second curator after a
 * crash goes on where the first was killed.
 */
export function createSimulatedCurator(options: SimulatedCuratorOptions): SimulatedCurator {
  const { truth, seed = 1, retryForMs = 90_000 } = options;
  const rest = openRestSession({
    baseUrl: options.baseUrl,
    apiKey: options.apiKey,
    random: createRandom(`curator/${seed}`),
    signal: options.signal,
    retryForMs,
  });

  const labelsOf = async (queue: CuratorQueue): Promise<number> => {
    const { byQueue } = await rest.get<{ byQueue: Record<string, number> }>('/v1/labels/summary');
    return byQueue[queue] ?? 0;
  };

  return {
    labelQueue: async (queue, { target, iteration, onProgress }) => {
      let total = await labelsOf(queue);
      let given = 0;
      const done = new Set<number>();
      let limit = pagesPerRead;
      onProgress?.(Math.min(total, target), target);
      while (total < target) {
        const query = new URLSearchParams({
          limit: String(limit),
          ...(iteration === undefined ? {} : { iteration: String(iteration) }),
        });
        const read = await rest.get<QueuePages>(`/v1/review-queues/${queue}?${query}`);
        const known = read.pages.filter(({ pageId }) => !done.has(pageId) && truth.has(pageId));
        if (known.length === 0) {
          // Pages that were refused or that truth does not know stay in the queue: read on to see behind them.
          if (read.pages.length < limit || limit >= pagesPerReadMax) break;
          limit = pagesPerReadMax;
          continue;
        }
        for (let from = 0; from < known.length && total < target; from += labelsPerPostMax) {
          const pages = known.slice(from, from + Math.min(labelsPerPostMax, target - total));
          const shown = iteration ?? read.iteration ?? undefined;
          const answer = await rest.post<{ recordedCount: number; refused?: unknown[] }>(
            '/v1/labels',
            { labels: pages.map(({ pageId }) => answerFor(queue, shown, pageId)) },
            keyOf(queue, shown, pages),
          );
          for (const { pageId } of pages) done.add(pageId);
          given += answer.recordedCount;
          total += answer.recordedCount;
          onProgress?.(Math.min(total, target), target);
        }
      }
      return { given, byQueueTotal: await labelsOf(queue) };
    },
  };

  function answerFor(queue: CuratorQueue, iteration: number | undefined, pageId: number) {
    return {
      pageId,
      label: truth.get(pageId)!,
      queue,
      ...(iteration === undefined ? {} : { iteration }),
      // A person takes a second or two; the figure feeds the labelling statistics and nothing waits for it.
      tookMs: createRandom(`${seed}/${queue}/${pageId}`).int(500, 2600),
    };
  }
}

function keyOf(queue: CuratorQueue, iteration: number | undefined, pages: readonly { pageId: number }[]): string {
  const ids = pages.map(({ pageId }) => pageId).join(',');
  return `curator-${createHash('sha256')
    .update(`${queue}/${iteration ?? ''}/${ids}`)
    .digest('hex')
    .slice(0, 40)}`;
}
