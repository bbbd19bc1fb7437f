import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { followEvents } from './follow-events.ts';
import { apiKey, getRest, Problem, type RequestOptions, randomId, request } from './rest-client.ts';

export interface Answer<Data> {
  data: Data | undefined;
  problem: Problem | undefined;
  reload: () => void;
}

/** The last answer to each address, so that a view that is opened again shows something at once. */
const lastAnswers = new Map<string, unknown>();
const lastAnswersMax = 200;

function remember(path: string, data: unknown): void {
  lastAnswers.delete(path);
  lastAnswers.set(path, data);
  if (lastAnswers.size > lastAnswersMax) lastAnswers.delete(lastAnswers.keys().next().value as string);
}

/** What a GET answers; asked again every `everyMs` while the page is seen, and when the key changes. Undefined asks nothing. */
export function useRest<Data>(path: string | undefined, everyMs?: number): Answer<Data> {
  const [answer, setAnswer] = useState<{ path?: string | undefined; data?: Data; problem?: Problem }>({});
  const [turn, setTurn] = useState(0);
  const key = apiKey.value;
  const every = useRef(everyMs);
  every.current = everyMs;
  useEffect(() => {
    if (path === undefined) return;
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      try {
        const data = await getRest<Data>(path, { signal: leaving.signal });
        remember(path, data);
        setAnswer({ path, data });
      } catch (error) {
        if (leaving.signal.aborted) return;
        const problem = error instanceof Problem ? error : new Problem(0, String(error));
        setAnswer((before) => ({
          path,
          problem,
          ...(before.path === path && before.data ? { data: before.data } : {}),
        }));
      }
      if (leaving.signal.aborted) return;
      if (every.current !== undefined) timer = setTimeout(again, every.current);
    };
    const again = () => {
      if (document.hidden) timer = setTimeout(again, every.current ?? 2_000);
      else void ask();
    };
    void ask();
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [path, key, turn, everyMs === undefined]);
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  const isOfPath = path !== undefined && answer.path === path;
  return {
    data: isOfPath ? answer.data : path === undefined ? undefined : (lastAnswers.get(path) as Data | undefined),
    problem: isOfPath ? answer.problem : undefined,
    reload,
  };
}

const reopenMs = 2_000;

/**
 * A run that is followed by its events while it is not at rest; `polled` is what is known without them. A stream that ends is
 * opened again for as long as it is wanted: servers end them when they shut down. It is closed while nobody looks, for a browser holds six
 * connections to one origin over all of its tabs.
 */
export function useFollowed<Data>(path: string | undefined, polled?: Data): Data | undefined {
  const [followed, setFollowed] = useState<{ path: string; data: Data; polled: Data | undefined } | undefined>();
  const [isOpen, setOpen] = useState(false);
  const key = apiKey.value;
  const newest = useRef(polled);
  newest.current = polled;
  useEffect(() => {
    if (path === undefined) return;
    let stream: AbortController | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = async () => {
      clearTimeout(timer);
      if (document.hidden || stream) return;
      const mine = new AbortController();
      stream = mine;
      let isRefused = false;
      try {
        await followEvents<Data>(
          path,
          (data) => {
            setOpen(true);
            setFollowed({ path, data, polled: newest.current });
          },
          mine.signal,
        );
      } catch (error) {
        isRefused = error instanceof Problem && error.status >= 400 && error.status < 500;
      }
      if (stream !== mine) return;
      stream = undefined;
      setOpen(false);
      if (!isRefused) timer = setTimeout(open, reopenMs);
    };
    const close = () => {
      clearTimeout(timer);
      stream?.abort();
      stream = undefined;
      setOpen(false);
    };
    const onSight = () => (document.hidden ? close() : void open());
    document.addEventListener('visibilitychange', onSight);
    void open();
    return () => {
      document.removeEventListener('visibilitychange', onSight);
      close();
    };
  }, [path, key]);
  // Once the stream has ended, what was polled after its last event is newer than that.
  return followed && followed.path === path && (isOpen || followed.polled === polled) ? followed.data : polled;
}

export interface Action<Input> {
  run: (input: Input) => Promise<unknown>;
  isBusy: boolean;
  problem: string | undefined;
  clear: () => void;
}

/**
 * A request that changes something. Where no answer came, the same input is sent again with the same Idempotency-Key, so
 * that a second click starts nothing twice.
 */
export function useAction<Input = void, Result = unknown>(
  toRequest: (input: Input) => { method?: string; path: string } & RequestOptions,
  onDone?: (result: Result, input: Input) => void,
): Action<Input> {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | undefined>();
  const keys = useRef(new Map<string, string>());
  const run = async (input: Input) => {
    const { method = 'POST', path, ...options } = toRequest(input);
    const what = `${method} ${path} ${JSON.stringify(options.body)}`;
    const idempotencyKey = keys.current.get(what) ?? randomId();
    keys.current.set(what, idempotencyKey);
    setBusy(true);
    setProblem(undefined);
    try {
      const response = await request(method, path, { idempotencyKey, ...options });
      const result = (response.status === 204 ? undefined : await response.json()) as Result;
      keys.current.delete(what);
      setBusy(false);
      onDone?.(result, input);
      return result;
    } catch (error) {
      const fault = error instanceof Problem ? error : new Problem(0, 'the connection ended before the answer did');
      if (!fault.isWorthRepeating) keys.current.delete(what);
      setBusy(false);
      setProblem(fault.message);
      return undefined;
    }
  };
  return { run, isBusy, problem, clear: () => setProblem(undefined) };
}
