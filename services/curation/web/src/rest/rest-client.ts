// The REST API as the views call it: with this tab's key where one is needed, a deadline, and errors as their problem's detail.
import { signal } from '@preact/signals';

const keyName = 'florilegium.key';

/** The API key of this tab; it ends with the tab. Empty where none is needed. */
export const apiKey = signal(sessionStorage.getItem(keyName) ?? '');
/** Why a key is asked for, while it is. */
export const keyAsked = signal<string | undefined>(undefined);

export function keepKey(key: string): void {
  if (key === '') sessionStorage.removeItem(keyName);
  else sessionStorage.setItem(keyName, key);
  keyAsked.value = undefined;
  apiKey.value = key;
}

/** An answer that is not a success. Status 0: no answer came at all. */
export class Problem extends Error {
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, detail: string, retryAfterMs?: number) {
    super(detail);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  get needsKey(): boolean {
    return this.status === 401 || this.status === 403;
  }

  get isWorthRepeating(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export interface RequestOptions {
  /** Sent as JSON, but for a Blob, which is sent as text. */
  body?: unknown;
  idempotencyKey?: string | undefined;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

export function keyHeaders(): Record<string, string> {
  return apiKey.peek() === '' ? {} : { authorization: `Bearer ${apiKey.peek()}` };
}

/** The answer to a request that must succeed. @throws Problem */
export async function request(
  method: string,
  path: string,
  { body, idempotencyKey, timeoutMs = 15_000, signal: aborted }: RequestOptions = {},
): Promise<Response> {
  const headers: Record<string, string> = keyHeaders();
  if (body !== undefined) headers['content-type'] = body instanceof Blob ? 'text/plain' : 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  const deadline = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      signal: aborted ? AbortSignal.any([aborted, deadline]) : deadline,
    });
  } catch (error) {
    if (aborted?.aborted) throw error;
    throw new Problem(0, 'the server does not answer');
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

async function problemOf(response: Response): Promise<Problem> {
  const told = (await response.json().catch(() => ({}))) as { detail?: string };
  const retryAfterMs = Number(response.headers.get('retry-after')) * 1000;
  const detail = told.detail ?? `${response.status} ${response.statusText}`.trim();
  if (response.status === 401) keyAsked.value = detail;
  return new Problem(response.status, detail, retryAfterMs > 0 ? retryAfterMs : undefined);
}

/** What reading the body throws when the connection ends within it becomes a Problem too. */
async function whole<Value>(reading: Promise<Value>): Promise<Value> {
  try {
    return await reading;
  } catch {
    throw new Problem(0, 'the connection ended before the answer did');
  }
}

export async function callRest<Answer>(method: string, path: string, options?: RequestOptions): Promise<Answer> {
  return await whole((await request(method, path, options)).json() as Promise<Answer>);
}

export const getRest = <Answer>(path: string, options?: RequestOptions): Promise<Answer> =>
  callRest<Answer>('GET', path, options);

export const sendText = <Answer>(path: string, text: Blob): Promise<Answer> =>
  callRest<Answer>('POST', path, { body: text, timeoutMs: 300_000 });

export type ImageSize = 'thumb' | 'small' | 'medium' | 'large' | 'full';
export const imagePath = (pageId: number, size: ImageSize = 'medium'): string => `/v1/images/${pageId}?size=${size}`;

/** The bytes of a page's image, with the key that an <img> could not send. 202 says that it is being fetched. */
export async function fetchImage(pageId: number, size: ImageSize = 'medium', signal?: AbortSignal): Promise<Blob> {
  const response = await request('GET', imagePath(pageId, size), { timeoutMs: 30_000, signal });
  if (response.status === 202) {
    const retryAfterMs = Number(response.headers.get('retry-after') ?? 5) * 1000;
    throw new Problem(503, 'the image is being fetched', retryAfterMs);
  }
  return await whole(response.blob());
}

const waitAttemptsMax = 20;

/** As fetchImage, but waits while the image is being fetched from its source, as long as the server says. */
export async function waitForImage(pageId: number, size: ImageSize, signal: AbortSignal): Promise<Blob> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchImage(pageId, size, signal);
    } catch (error) {
      const waitMs = error instanceof Problem && error.status === 503 ? error.retryAfterMs : undefined;
      if (waitMs === undefined || attempt === waitAttemptsMax) throw error;
      await new Promise<void>((resolve) => setTimeout(resolve, waitMs));
      signal.throwIfAborted();
    }
  }
}

/** Works on plain http too, where crypto.randomUUID is missing. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Saves or opens what an address of the API gives, with the key where one is needed. */
export async function saveFile(path: string, name: string): Promise<void> {
  const blob = await (await request('GET', path, { timeoutMs: 300_000 })).blob();
  saveBlob(blob, name);
}

export function saveBlob(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
