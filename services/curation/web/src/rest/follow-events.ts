import { keyHeaders, Problem } from './rest-client.ts';

/**
 * Server-sent events by fetch, since an EventSource cannot send a key. Ends when the server ends the stream.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 * @throws Problem when the stream cannot be opened or breaks, or when the server says that it ended early
 */
export async function followEvents<Data>(
  path: string,
  onData: (data: Data) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(path, { headers: { accept: 'text/event-stream', ...keyHeaders() }, signal }).catch(
    (error: unknown) => {
      if (signal.aborted) throw error;
      throw new Problem(0, 'the server does not answer');
    },
  );
  if (!response.ok || !response.body)
    throw new Problem(response.status, `the events cannot be read: ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const lines = event.split('\n');
      const name = lines.find((line) => line.startsWith('event: '))?.slice(7);
      const data = lines.find((line) => line.startsWith('data: '))?.slice(6);
      if (data === undefined) continue;
      if (name === 'error') throw new Problem(0, (JSON.parse(data) as { detail: string }).detail);
      if (name === 'progress') onData(JSON.parse(data) as Data);
    }
  }
}
