import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Db, Tx } from '@florilegium/db';
import { AppError, cancelled, isAway, messageFateOf, messageOf } from '@florilegium/errors';
import { checkedRequestId, inLogContext, type Log } from '@florilegium/log';
import { type Messaging, requestIdHeader } from '@florilegium/messaging';
import type { JsMsg } from '@nats-io/jetstream';
import { batchesRepo, type Claim } from './batches.repo.ts';
import { ensureWorkConsumer, workDurable } from './ensure-work-consumer.ts';
import { countInWork, observeBatch, showKind } from './metrics.ts';

export interface ClaimedBatch<Schema> extends Claim {
  /** Aborted when the claim is lost (cancelled, taken over) or the worker stops. */
  signal: AbortSignal;
  /**
   * Ends the batch: writes its results and marks it done in one transaction. `isLast` tells that no batch of the run, of any kind, is still
   * to do: whoever hears it ends the run. Call it once. `write` runs while no other batch of the run can end; what takes long and need not
   * know belongs into `writeRows`, which runs before it, side by side with those of other batches.
   * @throws cancelled when the claim was lost meanwhile; nothing is written then
   */
  complete<Result>(
    write?: (tx: Tx<Schema>, left: { isLast: boolean }) => Promise<Result>,
    writeRows?: (tx: Tx<Schema>) => Promise<void>,
  ): Promise<Result>;
}

export interface WorkerOptions<Schema> {
  service: string;
  kind: string;
  db: Db<Schema>;
  messaging: Messaging;
  log: Log;
  /** Batches in work at once. */
  concurrency: number;
  handle(batch: ClaimedBatch<Schema>): Promise<void>;
  /** The last try failed, or the error says that trying again is useless: mark the run, in the transaction that marks the batch. */
  onFailed(tx: Tx<Schema>, batch: Claim, reason: string, error: unknown): Promise<void>;
  failuresMax?: number;
  /** The same while a server behind is away: with the delays as they are, about half an hour. */
  unavailableFailuresMax?: number;
  /** Claims that neither succeeded nor failed, after which a batch that keeps killing its worker is failed. */
  attemptsMax?: number;
  heartbeatMs?: number;
  /** A running batch without a heartbeat for so long may be claimed by another. */
  staleMs?: number;
  /** What failed waits this long, after so many failures of its sort before this one. */
  retryDelayMs?: (failures: number) => number;
}

/** Reasons travel in events, which are short. */
const reasonLengthMax = 2000;

export interface Worker {
  /** Takes no more work, gives back what is in hand, resolves when all handlers have ended. */
  stop(): Promise<void>;
}

export async function startWorker<Schema>({
  service,
  kind,
  db,
  messaging,
  log,
  concurrency,
  handle,
  onFailed,
  failuresMax = 5,
  unavailableFailuresMax = 40,
  attemptsMax = 20,
  heartbeatMs = 3000,
  staleMs = 12_000,
  retryDelayMs = (failures) => Math.min(60_000, 500 * 2 ** failures * (0.75 + Math.random() / 2)),
}: WorkerOptions<Schema>): Promise<Worker> {
  const repo = batchesRepo(db, staleMs);
  const stopping = new AbortController();
  const workerName = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const durable = workDurable(service, kind);
  const ensureConsumer = () => ensureWorkConsumer(messaging, { service, kind, staleMs });
  let claims = 0;
  showKind(kind);
  await ensureConsumer();
  const slots = Array.from({ length: concurrency }, () => runSlot());
  return {
    stop: async () => {
      stopping.abort(cancelled('the worker stops'));
      await Promise.all(slots);
    },
  };

  async function runSlot(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const consumer = await messaging.jetstream.consumers.get(messaging.streams.work, durable);
        while (!stopping.signal.aborted) {
          const message = await consumer.next({ expires: 1000 });
          if (message) await take(message);
        }
      } catch (error) {
        if (stopping.signal.aborted) return;
        log.warn({ kind, reason: messageOf(error) }, 'work queue interrupted');
        await pause(500);
        await ensureConsumer().catch(() => {});
      }
    }
  }

  async function take(message: JsMsg): Promise<void> {
    let order: { runId: string; number: number };
    try {
      order = message.json<{ runId: string; number: number }>();
    } catch {
      return message.term('not a work message');
    }
    if (stopping.signal.aborted) return message.nak(0);
    const claimedBy = `${workerName}-${++claims}`;
    const result = await repo.claimBatch(order.runId, kind, order.number, claimedBy).catch((error: unknown) => {
      message.nak(1000);
      throw error;
    });
    if (result.kind === 'ended') return message.ack();
    if (result.kind === 'busy') return message.nak(Math.min(result.waitMs, 60_000));
    const requestId = checkedRequestId(message.headers?.get(requestIdHeader));
    const { runId, number: batch, attempt } = result.claim;
    await inLogContext({ runId, kind, batch, attempt, requestId }, () => work(message, result.claim));
  }

  async function work(message: JsMsg, claim: Claim): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([lost.signal, stopping.signal]);
    const fields = { runId: claim.runId, kind, batch: claim.number, attempt: claim.attempt };
    // A beat waits while a long `complete` holds the row; a second one would only take another connection to wait too.
    let beating = false;
    const beat = setInterval(() => {
      message.working();
      if (beating) return;
      beating = true;
      repo
        .beat(claim)
        .then(
          (kept) => kept || lost.abort(cancelled('the batch was cancelled or taken over')),
          (error: unknown) => log.warn({ ...fields, reason: messageOf(error) }, 'heartbeat failed'),
        )
        .finally(() => {
          beating = false;
        });
    }, heartbeatMs);
    countInWork(kind, 1);
    let completed = false;
    const startedAt = performance.now();
    const observe = (outcome: 'done' | 'failed' | 'given_back') =>
      observeBatch(kind, outcome, (performance.now() - startedAt) / 1000);
    const complete: ClaimedBatch<Schema>['complete'] = async (write, writeRows) => {
      const lostClaim = () => cancelled('the batch was cancelled or taken over');
      const result = await db.inTransaction(async (tx) => {
        await writeRows?.(tx).catch(async (error: unknown) => {
          // The rows that another has written for the same batch stand in the way of ours.
          throw (await repo.beat(claim)) ? error : lostClaim();
        });
        const left = await repo.finish(tx, claim);
        if (!left) throw lostClaim();
        return (await write?.(tx, left)) as Awaited<ReturnType<NonNullable<typeof write>>>;
      });
      completed = true;
      return result;
    };
    try {
      if (claim.takenOver >= attemptsMax)
        throw new AppError('cancelled', `gave up after ${attemptsMax} claims that never ended`);
      await handle({ ...claim, signal, complete });
      if (!completed) await complete();
      message.ack();
      observe('done');
    } catch (error) {
      observe(completed ? 'done' : stopping.signal.aborted || lost.signal.aborted ? 'given_back' : 'failed');
      await settle(message, claim, error, { completed, lost: lost.signal.aborted, fields });
    } finally {
      clearInterval(beat);
      countInWork(kind, -1);
    }
  }

  async function settle(
    message: JsMsg,
    claim: Claim,
    error: unknown,
    { completed, lost, fields }: { completed: boolean; lost: boolean; fields: object },
  ): Promise<void> {
    const reason = messageOf(error).slice(0, reasonLengthMax);
    try {
      if (completed) {
        log.warn({ ...fields, reason }, 'error after the batch was complete');
        return message.ack();
      }
      if (lost) {
        // Cancelled, or somebody else has it: their ack counts, and the row says what is left to do.
        log.info({ ...fields, reason }, 'claim lost');
        return message.nak(1000);
      }
      if (stopping.signal.aborted) {
        await repo.release(claim, undefined);
        return message.nak(0);
      }
      const away = isAway(error);
      const failures = away ? claim.unavailableFailures : claim.failures;
      const final =
        failures + 1 >= (away ? unavailableFailuresMax : failuresMax) ||
        (error instanceof AppError && messageFateOf(error.code) === 'drop');
      if (final) {
        log.error({ ...fields, reason, err: error }, 'batch failed');
        await db.inTransaction(async (tx) => {
          if (await repo.fail(tx, claim, reason)) await onFailed(tx, claim, reason, error);
        });
        return message.ack();
      }
      const delayMs = Math.round(
        error instanceof AppError && error.retryAfterMs !== undefined ? error.retryAfterMs : retryDelayMs(failures),
      );
      log.warn({ ...fields, reason, delayMs, err: error }, 'batch will be tried again');
      await repo.release(claim, { error: reason, delayMs, isAway: away });
      message.nak(delayMs);
    } catch (settleError) {
      // PostgreSQL is away: the stale heartbeat frees the batch, the unacknowledged message comes again.
      log.warn({ ...fields, reason: messageOf(settleError) }, 'batch could not be given back');
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      stopping.signal.addEventListener('abort', done, { once: true });
      function done() {
        clearTimeout(timer);
        stopping.signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }
}
