import type { Dispatcher } from 'undici';
import type { BodyMemory, HeldBody } from './body-memory.ts';

/** What came of one request. */
export type Answer =
  | { kind: 'answered'; status: number; location: string | undefined; retryAfter: string | undefined; body: HeldBody }
  | { kind: 'too-large'; reason: string }
  | { kind: 'failed'; reason: string };

export interface ImageRequest {
  url: URL;
  userAgent: string;
  /** A longer body with status 200 is refused, before it is read where its length is announced. */
  imageBytesMax: number;
  /** On the clock of `performance.now()`. */
  deadline: number;
  signal: AbortSignal | undefined;
}

// The body of anything but a picture is drained so that the connection lives on, up to a small bound.
const drainedBytesMax = 65_536;

/**
 * One GET, read to its end. A body whose length is announced goes from the socket's pieces straight to where it will stay: undici's streams
 * and a list of pieces to be joined cost as much as all else here. Failures are answers; it rejects only with the reason of `signal`.
 */
export function requestImage(dispatcher: Dispatcher, memory: BodyMemory, request: ImageRequest): Promise<Answer> {
  const { url, signal, imageBytesMax } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let ended = false;
    let status = 0;
    let location: string | undefined;
    let retryAfter: string | undefined;
    let announced = Number.NaN;
    let length = 0;
    let body: HeldBody | undefined;
    let pieces: Buffer[] = [];

    /** The first end counts. A request that is cut off says so to its handler afterwards. */
    const end = (settle: () => void, cutOff?: Error) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (cutOff) controller?.abort(cutOff);
      settle();
    };
    const give = (answer: Answer, cutOff?: Error) =>
      end(() => {
        if (answer.kind !== 'answered') body?.release();
        resolve(answer);
      }, cutOff);
    const onAbort = () => {
      const reason = signal!.reason;
      end(
        () => {
          body?.release();
          reject(reason);
        },
        reason instanceof Error ? reason : new Error('stopped'),
      );
    };
    const onTimeout = () => {
      const error = new Error('out of time');
      give({ kind: 'failed', reason: error.message }, error);
    };
    const timer = setTimeout(onTimeout, Math.max(request.deadline - performance.now(), 0));
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });

    const tooLarge = (reason: string) => give({ kind: 'too-large', reason }, new Error(reason));
    const take = (piece: Buffer) => {
      length += piece.length;
      if (status !== 200) {
        if (length > drainedBytesMax) give(answered(), new Error('too long for no picture'));
      } else if (length > imageBytesMax) tooLarge(`more than ${imageBytesMax} bytes`);
      else if (!body) pieces.push(piece);
      else if (length <= body.bytes.length) body.bytes.set(piece, length - piece.length);
    };
    const answered = (): Answer => ({
      kind: 'answered',
      status,
      location,
      retryAfter,
      body: body ?? joined(pieces),
    });
    const joined = (parts: readonly Buffer[]) => {
      const whole = memory.take(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        whole.bytes.set(part, at);
        at += part.length;
      }
      return whole;
    };

    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: {
          'user-agent': request.userAgent,
          accept: 'image/webp,image/jpeg,image/png,image/jp2;q=0.9,*/*;q=0.1',
          'accept-encoding': 'identity',
        },
      },
      {
        onRequestStart: (started) => {
          controller = started;
          if (ended) started.abort(new Error('ended before it began'));
        },
        onResponseStart: (_, statusCode, headers) => {
          // Where a connection breaks, undici may ask once more: what came before is void.
          if (ended || statusCode < 200) return;
          body?.release();
          body = undefined;
          pieces = [];
          length = 0;
          status = statusCode;
          location = first(headers.location);
          retryAfter = first(headers['retry-after']);
          announced = Number(headers['content-length'] ?? Number.NaN);
          if (status !== 200) return;
          if (announced > imageBytesMax) tooLarge(`${announced} bytes announced, over the limit of ${imageBytesMax}`);
          else if (announced > 0) body = memory.take(announced);
        },
        onResponseData: (_, piece) => {
          if (!ended) take(piece);
        },
        onResponseEnd: () => {
          if (status === 200 && Number.isFinite(announced) && length !== announced)
            give({ kind: 'failed', reason: `cut short: ${length} of ${announced} bytes` });
          else give(answered());
        },
        onResponseError: (_, error) => give({ kind: 'failed', reason: describeFailure(error) }),
      },
    );
  });
}

const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: string }).code;
  return code && !error.message.includes(code) ? `${error.message} (${code})` : error.message;
}
