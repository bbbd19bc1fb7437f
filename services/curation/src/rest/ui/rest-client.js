// The REST API as the pages call it: with this tab's key where one is needed, a deadline, and errors as their problem's detail.

const keyName = 'florilegium.key';

/** The API key of this tab; it ends with the tab. */
export const readKey = () => sessionStorage.getItem(keyName) ?? '';

export function keepKey(key) {
  if (key === '') sessionStorage.removeItem(keyName);
  else sessionStorage.setItem(keyName, key);
}

/** An answer that is not a success. Status 0: no answer came at all. */
export class Problem extends Error {
  constructor(status, detail, retryAfterMs) {
    super(detail);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }

  get needsKey() {
    return this.status === 401 || this.status === 403;
  }

  get isWorthRepeating() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The answer to a request, whatever its status. @throws Problem when there is none within the time */
export async function request(method, path, { body, accept, idempotencyKey, timeoutMs = 15_000 } = {}) {
  const headers = {};
  if (accept !== undefined) headers.accept = accept;
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  if (readKey() !== '') headers.authorization = `Bearer ${readKey()}`;
  try {
    return await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch {
    throw new Problem(0, 'the server does not answer');
  }
}

/** The answer to a request that must succeed. @throws Problem */
export async function requestGood(method, path, options) {
  const response = await request(method, path, options);
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const retryAfterMs = Number(response.headers.get('retry-after')) * 1000;
  throw new Problem(
    response.status,
    problem.detail ?? `${response.status} ${response.statusText}`.trim(),
    retryAfterMs > 0 ? retryAfterMs : undefined,
  );
}

/** What reading the body throws when the connection ends within it becomes a Problem too. */
const read = async (reading) => {
  try {
    return await reading;
  } catch {
    throw new Problem(0, 'the connection ended before the answer did');
  }
};

export const callRest = async (method, path, options) => read((await requestGood(method, path, options)).json());

/** The bytes of a page's image: by fetch, since an <img> could not send the key. */
export const fetchImage = async (pageId) =>
  read((await requestGood('GET', `/v1/images/${pageId}?size=medium`, { timeoutMs: 30_000 })).blob());

/** Works on plain http too, where crypto.randomUUID is missing. */
export const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
