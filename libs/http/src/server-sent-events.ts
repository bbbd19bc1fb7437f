import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface SentEvent {
  event: string;
  data: unknown;
}

/**
 * Answers with server-sent events until the source ends or the reader leaves. A comment every 15 s keeps proxies from closing the stream.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  source: (signal: AbortSignal) => AsyncIterable<SentEvent>,
): Promise<void> {
  const left = new AbortController();
  request.raw.on('close', () => left.abort());
  reply.raw.on('close', () => left.abort());
  const { closing } = request.server;
  const leave = () => left.abort();
  closing.addEventListener('abort', leave, { once: true });
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    'x-request-id': request.id,
  });
  const beat = setInterval(() => reply.raw.write(': still here\n\n'), 15_000);
  try {
    for await (const { event, data } of source(left.signal)) {
      if (left.signal.aborted) break;
      const flowing = reply.raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      // A reader that does not read must not fill our memory.
      if (!flowing) await once(reply.raw, 'drain', { signal: left.signal });
    }
  } catch (error) {
    if (!left.signal.aborted) {
      request.log.error({ requestId: request.id, err: error }, 'event stream failed');
      reply.raw.write(`event: error\ndata: ${JSON.stringify({ detail: 'the stream ended early' })}\n\n`);
    }
  } finally {
    clearInterval(beat);
    closing.removeEventListener('abort', leave);
    reply.raw.end();
  }
}

export interface FollowOptions<State> {
  read(): Promise<State>;
  /** No change comes after this state. */
  ended(state: State): boolean;
  signal: AbortSignal;
  intervalMs?: number;
}

/** Yields the state now, and again each time it has changed (compared as JSON), until it has ended. */
export async function* followChanges<State>({
  read,
  ended,
  signal,
  intervalMs = 400,
}: FollowOptions<State>): AsyncGenerator<State> {
  let last = '';
  while (!signal.aborted) {
    const state = await read();
    const text = JSON.stringify(state);
    if (text !== last) yield state;
    last = text;
    if (ended(state)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, intervalMs);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
