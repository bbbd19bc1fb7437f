// A service of the tests: ready after START_MS, tells what it was given, counts up in a stream, dies when asked.
import { createServer } from 'node:http';

if (process.env.FAULT) {
  console.log(JSON.stringify({ level: 'fatal', msg: 'could not start', reason: process.env.FAULT }));
  process.exit(1);
}
const startedAt = Date.now();
const server = createServer((request, response) => {
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (request.url === '/readyz')
    return json(Date.now() - startedAt < Number(process.env.START_MS ?? 0) ? 503 : 200, {});
  if (request.url?.endsWith('/die')) process.exit(7);
  if (request.url?.endsWith('/cut')) return request.socket.destroy();
  if (request.url?.endsWith('/events')) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let n = 0;
    const timer = setInterval(() => response.write(`data: ${++n}\n\n`), 100);
    response.on('close', () => {
      clearInterval(timer);
      console.log('the reader of events left');
    });
    return undefined;
  }
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () =>
    json(200, {
      service: process.env.SERVICE,
      pid: process.pid,
      method: request.method,
      url: request.url,
      headers: request.headers,
      body,
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => /_GRPC$|_URL$|PORT$|^ROLE$|OBJECT/.test(name)),
      ),
    }),
  );
  return undefined;
});
server.listen(Number(process.env.HTTP_PORT), '127.0.0.1');
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
if (process.env.EXIT_WITH_PARENT === '1') process.stdin.on('end', () => process.exit(0)).resume();
