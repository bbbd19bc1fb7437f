import { parentPort, type Transferable } from 'node:worker_threads';
import { AppError, messageOf } from '@florilegium/errors';
import type { ThreadReply } from './ask-thread.ts';

type Level = Extract<ThreadReply<never>, { kind: 'log' }>['level'];

const tell = (reply: ThreadReply<unknown>, handedOver: Transferable[] = []) =>
  parentPort!.postMessage(reply, handedOver);

const line = (level: Level) => (fields: object, text: string) => tell({ kind: 'log', level, fields, text });

/** Goes to the log of whoever asks. */
export const log = { info: line('info'), warn: line('warn') };

/** Answers what `createAskedThread` asks this thread; an answer's bytes may be handed over instead of copied. */
export function answerRequests<Request, Answer>(
  answer: (request: Request) => Promise<{ answer: Answer; handOver: Transferable[] }>,
): void {
  parentPort!.on('message', async ({ id, request }: { id: number; request: Request }) => {
    try {
      const { answer: given, handOver } = await answer(request);
      tell({ kind: 'answered', id, answer: given }, handOver);
    } catch (error) {
      tell({ kind: 'failed', id, code: error instanceof AppError ? error.code : 'internal', reason: messageOf(error) });
    }
  });
}
