import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { notFound } from '@florilegium/errors';
import { answerRequests } from './answer-requests.ts';

export interface Request {
  say: string;
  afterMs: number;
}
export interface Answer {
  text: string;
}

answerRequests(async ({ say, afterMs }: Request): Promise<{ answer: Answer; handOver: [] }> => {
  await sleep(afterMs);
  if (say === 'refuse') throw notFound('word', say);
  if (say === 'die') process.exit(3);
  return { answer: { text: `${workerData.greeting} ${say}` }, handOver: [] };
});
