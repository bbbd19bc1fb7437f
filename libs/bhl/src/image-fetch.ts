import { AppError } from '@florilegium/errors';
import { Agent, type Dispatcher } from 'undici';
import { type BodyHasher, createBodyHasher } from './body-hasher.ts';
import { type BodyMemory, createBodyMemory } from './body-memory.ts';
import { type ImagePage, type ImageSize, imageUrl, isPlaceholderUrl } from './image-addresses.ts';
import { checkImage, defaultImageLimits, type ImageFormat, type ImageLimits, imageFormatOf } from './image-checks.ts';
import { createHostGate, createMemoryLedger, type HostGate } from './image-gate.ts';
import { type Answer, requestImage } from './image-request.ts';
import { hostLimitsOf, type ImageSource, limitedHostOf, mayRedirectTo } from './image-sources.ts';

/** Every way a fetch can end. Also column value and metric dimension. */
export const imageFetchKinds = ['fetched', 'missing', 'placeholder', 'corrupt', 'blocked', 'retry-later'] as const;
export type ImageFetchKind = (typeof imageFetchKinds)[number];

export interface FetchedImage {
  kind: 'fetched';
  bytes: Buffer;
  /** Lets other images have the memory of `bytes`, which must not be looked at any more. Need not be called, but spares fresh memory. */
  release(): void;
  /** Lower-case hex. */
  sha256: string;
  format: ImageFormat;
  width: number;
  height: number;
  /** Name of the source that gave it. */
  source: string;
  /** Final address, after redirects. */
  url: string;
}

export type ImageFetchOutcome =
  | FetchedImage
  /** No source has the page (404, 410). */
  | { kind: 'missing'; reason: string }
  /** BHL's "image not found" picture came in its place. */
  | { kind: 'placeholder'; reason: string }
  /** What came is not a whole image, and kept not being one. `isImage`: it began as one. */
  | { kind: 'corrupt'; reason: string; isImage?: boolean }
  /** A host refuses us, or led to a host that is not allowed: something for a person to look at. */
  | { kind: 'blocked'; reason: string }
  /**
   * Nothing final could be learnt: the source is down, too slow or asks to wait. `throttled` says that the source or the
   * gate asked for the wait, which is no fault of the page.
   */
  | { kind: 'retry-later'; reason: string; retryAfterMs: number; throttled: boolean };

/** Result of one request, for counting. */
export type RequestResult = ImageFetchKind | 'redirect' | 'throttled' | 'failed';

export interface RequestReport {
  source: string;
  result: RequestResult;
  bytes: number;
  durationMs: number;
}

export interface ImageClient {
  sources: readonly ImageSource[];
  gate: HostGate;
  dispatcher: Dispatcher;
  memory: BodyMemory;
  hasher: BodyHasher;
  userAgent: string;
  placeholderSha256s: ReadonlySet<string>;
  onRequest: (report: RequestReport) => void;
  /** State of the circuit breaker, by host. */
  failing: Map<string, FailingHost>;
  close(): Promise<void>;
}

interface FailingHost {
  /** Pages whose requests failed since the last one that succeeded. */
  pageIds: Set<number>;
  /** Pauses in a row that did not help. */
  pauses: number;
  pausedUntil: number;
}

export interface ImageClientOptions {
  sources: readonly ImageSource[];
  /** Address (mail or web) at which an upset librarian finds us; goes into the User-Agent. */
  contact: string;
  /** Default: a gate for this process alone. */
  gate?: HostGate;
  /** Hashes of known placeholder pictures, lower-case hex. */
  placeholderSha256s?: readonly string[];
  onRequest?: (report: RequestReport) => void;
}

/** Opens what all fetches of a process share: connections, the gate, the User-Agent. */
export function openImageClient(options: ImageClientOptions): ImageClient {
  const limits = hostLimitsOf(options.sources);
  const dispatcher = new Agent({
    connect: { timeout: connectTimeoutMs },
    headersTimeout: headersTimeoutMs,
    bodyTimeout: bodyTimeoutMs,
    // The gate decides how many are in flight; a second queue behind it would only hide the wait.
    connections: Math.max(...[...limits.values()].map((limit) => limit.inFlightMax)),
    pipelining: 1,
  });
  const hasher = createBodyHasher();
  return {
    sources: options.sources,
    gate: options.gate ?? createHostGate(createMemoryLedger((host) => limits.get(host)!)),
    dispatcher,
    memory: createBodyMemory(),
    hasher,
    userAgent: `Florilegium/0.1 (finds plates in BHL; contact: ${options.contact})`,
    placeholderSha256s: new Set(options.placeholderSha256s ?? []),
    onRequest: options.onRequest ?? (() => {}),
    failing: new Map(),
    // Requests still under way are cut off: whoever closes has stopped caring for their answers.
    close: async () => {
      await dispatcher.destroy();
      await hasher.close();
    },
  };
}

export interface FetchImageOptions {
  size: ImageSize;
  limits?: ImageLimits;
  /** Requests to one source before the next source is asked. Default 3. */
  attemptsMax?: number;
  /** For everything together: waiting at the gate, redirects, attempts, all sources. Default 60,000. */
  deadlineMs?: number;
  signal?: AbortSignal;
}

const connectTimeoutMs = 10_000;
const headersTimeoutMs = 20_000;
// Between two pieces of a body, not for the whole of it.
const bodyTimeoutMs = 20_000;
const redirectsMax = 4;
const backOffMs = 250;
// A source that names no time in its 429 or 503 is given this long.
const retryAfterDefaultMs = 5_000;
const retryAfterMaxMs = 3_600_000;
// So many different pages in a row that failed, were refused or brought no picture, with not one good answer between them, speak against the host and
// not against the pages. It is then left alone, at first for a second, doubling up to half a minute. A few pages that fail for ever never get there.
const failingPagesMax = 16;
const pauseMaxMs = 30_000;

/**
 * Gets one page's image from the first source that has it whole, and checks it before anybody sees it. Every outcome that can be
 * foreseen is a value; it throws only when `signal` aborts.
 */
export async function fetchImage(
  client: ImageClient,
  page: ImagePage,
  options: FetchImageOptions,
): Promise<ImageFetchOutcome> {
  const deadline = performance.now() + (options.deadlineMs ?? 60_000);
  const outcomes: Exclude<ImageFetchOutcome, FetchedImage>[] = [];
  for (const source of client.sources) {
    const outcome = await fetchFromSource(client, source, page, options, deadline);
    if (outcome.kind === 'fetched') return outcome;
    outcomes.push({ ...outcome, reason: `${source.name}: ${outcome.reason}` });
  }
  return combine(outcomes);
}

// What may still change wins over what a person should see, that over what is final. Missing is only believed of all sources.
const byWeight = ['retry-later', 'blocked', 'corrupt', 'placeholder', 'missing'] as const;

function combine(outcomes: Exclude<ImageFetchOutcome, FetchedImage>[]): ImageFetchOutcome {
  for (const kind of byWeight) {
    const found = outcomes.find((outcome) => outcome.kind === kind);
    if (found) return found;
  }
  return { kind: 'missing', reason: 'no source is configured' };
}

async function fetchFromSource(
  client: ImageClient,
  source: ImageSource,
  page: ImagePage,
  options: FetchImageOptions,
  deadline: number,
): Promise<ImageFetchOutcome> {
  const attemptsMax = options.attemptsMax ?? 3;
  let last: ImageFetchOutcome = { kind: 'retry-later', reason: 'out of time', retryAfterMs: 1000, throttled: true };
  for (let attempt = 1; attempt <= attemptsMax; ) {
    const outcome = await followRedirects(client, source, page, options, deadline);
    if (outcome.kind === 'retry-later' && outcome.throttled) {
      // The gate holds everybody back now, so asking again waits as long as the host wants; no attempt is lost by it.
      if (performance.now() + outcome.retryAfterMs >= deadline) return outcome;
      last = outcome;
      continue;
    }
    if (outcome.kind !== 'retry-later' && outcome.kind !== 'corrupt') return outcome;
    last = outcome;
    attempt++;
    // Full jitter: workers that failed together do not come back together.
    const waitMs = Math.random() * backOffMs * 2 ** (attempt - 1);
    if (attempt > attemptsMax || performance.now() + waitMs >= deadline) break;
    await delay(waitMs, options.signal);
  }
  return last;
}

async function followRedirects(
  client: ImageClient,
  source: ImageSource,
  page: ImagePage,
  options: FetchImageOptions,
  deadline: number,
): Promise<ImageFetchOutcome> {
  let url: URL;
  try {
    url = imageUrl(source.addressing, source.baseUrl, page, options.size);
  } catch (error) {
    // The export is foreign input: a bar code that makes no address is this page's misfortune alone.
    if (error instanceof AppError) return { kind: 'missing', reason: `no address: ${error.message}` };
    throw error;
  }
  const limits = options.limits ?? defaultImageLimits;
  for (let hop = 0; hop <= redirectsMax; hop++) {
    const host = limitedHostOf(client.sources, source, url);
    const passage = await client.gate.enter(host, {
      waitMsMax: Math.max(deadline - performance.now(), 0),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    if (passage.kind === 'later') {
      return {
        kind: 'retry-later',
        reason: `${host} has no free slot in time`,
        retryAfterMs: passage.retryAfterMs,
        throttled: true,
      };
    }
    const started = performance.now();
    let answer: Answer;
    try {
      answer = await requestImage(client.dispatcher, client.memory, {
        url,
        userAgent: client.userAgent,
        imageBytesMax: limits.imageBytesMax,
        deadline,
        signal: options.signal,
      });
    } finally {
      passage.leave();
    }
    const result = await judge(client, source, host, url, answer, limits);
    if (answer.kind === 'answered' && result.kind !== 'fetched') answer.body.release();
    client.onRequest({
      source: source.name,
      result: resultOf(result, answer),
      bytes: answer.kind === 'answered' ? answer.body.bytes.length : 0,
      durationMs: performance.now() - started,
    });
    if (result.kind !== 'redirect') return await heedHost(client, host, page.pageId, result);
    // It says nothing of the host: what it leads to does.
    url = result.to;
  }
  return { kind: 'blocked', reason: `more than ${redirectsMax} redirects` };
}

async function judge(
  client: ImageClient,
  source: ImageSource,
  host: string,
  url: URL,
  answer: Answer,
  limits: ImageLimits,
): Promise<ImageFetchOutcome | { kind: 'redirect'; to: URL }> {
  if (answer.kind === 'failed' || (answer.kind === 'answered' && answer.status >= 500 && answer.status !== 503)) {
    const reason = answer.kind === 'failed' ? answer.reason : `status ${answer.status}`;
    return { kind: 'retry-later', reason, retryAfterMs: 5_000, throttled: false };
  }
  if (answer.kind === 'too-large') return { kind: 'corrupt', reason: answer.reason };
  const { status } = answer;
  if (status === 429 || status === 503) {
    const retryAfterMs = readRetryAfterMs(answer.retryAfter);
    // Some servers fail with 503 and mean one request; only those that name a time ask everybody to wait.
    if (status === 503 && retryAfterMs === undefined)
      return { kind: 'retry-later', reason: 'status 503', retryAfterMs: retryAfterDefaultMs, throttled: false };
    const waitMs = Math.min(retryAfterMs ?? retryAfterDefaultMs, retryAfterMaxMs);
    await client.gate.holdBack(host, waitMs);
    return { kind: 'retry-later', reason: `status ${status}`, retryAfterMs: waitMs, throttled: true };
  }
  if (status >= 300 && status < 400) return judgeRedirect(client, source, url, answer.location, status);
  if (status === 404 || status === 410) return { kind: 'missing', reason: `status ${status}` };
  if (status !== 200) return { kind: 'blocked', reason: `status ${status}` };
  if (isPlaceholderUrl(url)) return { kind: 'placeholder', reason: `${url.pathname} came` };
  const { body } = answer;
  const sha256 = await client.hasher.sha256Of(body);
  if (client.placeholderSha256s.has(sha256)) {
    return { kind: 'placeholder', reason: `the picture ${sha256.slice(0, 12)} came` };
  }
  const check = checkImage(body.bytes, limits);
  if (check.kind === 'corrupt') return { ...check, isImage: imageFormatOf(body.bytes) !== undefined };
  return {
    kind: 'fetched',
    bytes: body.bytes,
    release: body.release,
    sha256,
    format: check.format,
    width: check.width,
    height: check.height,
    source: source.name,
    url: url.href,
  };
}

function judgeRedirect(
  client: ImageClient,
  source: ImageSource,
  from: URL,
  location: string | undefined,
  status: number,
): ImageFetchOutcome | { kind: 'redirect'; to: URL } {
  if (!location || !URL.canParse(location, from.href))
    return { kind: 'blocked', reason: `status ${status} without a usable address` };
  const to = new URL(location, from);
  // Known by its address, it need not be fetched to be refused, nor need its host be allowed.
  if (isPlaceholderUrl(to)) return { kind: 'placeholder', reason: `redirected to ${to.host}${to.pathname}` };
  if (/pagenotfound|\/error$/i.test(to.pathname)) return { kind: 'missing', reason: `redirected to ${to.pathname}` };
  const isSafe = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  if (!isSafe || !mayRedirectTo(client.sources, source, to)) {
    return { kind: 'blocked', reason: `redirected to ${to.protocol}//${to.host}, which is not allowed` };
  }
  return { kind: 'redirect', to };
}

/**
 * A host that fails for one page after the other is left alone by everybody for a while (circuit breaker). Until it has given a good answer again, what
 * it refuses or sends in a picture's place is not believed of the page.
 */
async function heedHost(
  client: ImageClient,
  host: string,
  pageId: number,
  outcome: ImageFetchOutcome,
): Promise<ImageFetchOutcome> {
  if (outcome.kind === 'retry-later' && outcome.throttled) return outcome;
  const isSuspect = outcome.kind === 'blocked' || (outcome.kind === 'corrupt' && outcome.isImage === false);
  if (outcome.kind !== 'retry-later' && !isSuspect) {
    client.failing.delete(host);
    return outcome;
  }
  const state = client.failing.get(host) ?? { pageIds: new Set(), pauses: 0, pausedUntil: 0 };
  client.failing.set(host, state);
  await noteFailure(client, host, pageId, state);
  if (!isSuspect || state.pauses === 0) return outcome;
  return { kind: 'retry-later', reason: outcome.reason, retryAfterMs: pauseMaxMs, throttled: false };
}

async function noteFailure(client: ImageClient, host: string, pageId: number, state: FailingHost): Promise<void> {
  // Requests that were under way when the pause began fail with it and say nothing new.
  if (performance.now() < state.pausedUntil) return;
  state.pageIds.add(pageId);
  if (state.pageIds.size < failingPagesMax) return;
  const pauseMs = Math.min(1000 * 2 ** state.pauses++, pauseMaxMs);
  state.pausedUntil = performance.now() + pauseMs;
  state.pageIds.clear();
  await client.gate.holdBack(host, pauseMs);
}

function resultOf(result: ImageFetchOutcome | { kind: 'redirect' }, answer: Answer): RequestResult {
  if (result.kind !== 'retry-later') return result.kind;
  if (result.throttled) return 'throttled';
  return answer.kind === 'failed' || answer.kind === 'answered' ? 'failed' : result.kind;
}

/** Milliseconds from a Retry-After header: whole seconds or an HTTP date (RFC 9110, 10.2.3). */
export function readRetryAfterMs(value: string | undefined, now: number = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
