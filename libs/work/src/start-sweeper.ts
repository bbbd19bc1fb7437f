import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '@florilegium/db';
import { messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import type { Messaging } from '@florilegium/messaging';
import { batchesRepo } from './batches.repo.ts';
import { ensureWorkConsumer, workDurable } from './ensure-work-consumer.ts';
import { workMessage, workSubject } from './work-table.ts';

export interface SweeperOptions<Schema> {
  service: string;
  kinds: readonly string[];
  db: Db<Schema>;
  messaging: Messaging;
  log: Log;
  /** As the service's workers have it. */
  staleMs?: number;
  /** A batch that is to do and was queued longer ago is queued again where its queue is empty. */
  forgottenMs?: number;
}

export interface Sweeper {
  stop(): Promise<void>;
}

const batchesAtOnceMax = 200;

/**
 * Publishes again what a row says is to do while the queue holds no message for it: NATS lost it, or was restored empty. It belongs beside the
 * outbox relay in processes that are always there: workers are started by the length of the queue, so none would come to fill an empty one.
 */
export function startSweeper<Schema>({
  service,
  kinds,
  db,
  messaging,
  log,
  staleMs = 12_000,
  forgottenMs = Math.max(30_000, staleMs * 2),
}: SweeperOptions<Schema>): Sweeper {
  const repo = batchesRepo(db, staleMs);
  const stopping = new AbortController();
  const sweeping = run();
  return {
    stop: async () => {
      stopping.abort();
      await sweeping;
    },
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(forgottenMs / 3, undefined, { signal: stopping.signal }).catch(() => {});
      for (const kind of kinds) {
        if (stopping.signal.aborted) return;
        await sweep(kind).catch((error: unknown) => log.warn({ kind, reason: messageOf(error) }, 'sweep failed'));
      }
    }
  }

  async function sweep(kind: string): Promise<void> {
    const { manager, streams } = messaging;
    const queue = await manager.consumers.info(streams.work, workDurable(service, kind)).catch(async () => {
      // A NATS that came back without its volume knows neither stream nor consumer; nor would it take what we publish.
      await messaging.ensureStreams();
      await ensureWorkConsumer(messaging, { service, kind, staleMs });
      return { num_pending: 0 };
    });
    if (queue.num_pending > 0) return;
    for (const { runId, number } of await repo.takeForgotten([kind], forgottenMs, batchesAtOnceMax)) {
      log.info({ runId, kind, batch: number }, 'batch queued again');
      const messageId = `sweep-${runId}-${kind}-${number}-${Date.now()}`;
      await messaging.publish(workSubject(service, kind), workMessage(runId, number), messageId);
    }
  }
}
