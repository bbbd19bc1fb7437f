import type pg from 'pg';

type Query = (config: unknown, values?: unknown, callback?: unknown) => unknown;

/**
 * Gives every query of a connection a deadline on this side. PostgreSQL's own statement_timeout ends slow statements; this ends the wait for a server,
 * or a network, that does not answer any more. A query that passes its deadline rejects, and its connection is cut, for nobody could tell
 * whose answer comes next; the pool then opens another. COPY streams have no deadline here: they take as long as their reader.
 */
export function setQueryDeadline(client: pg.PoolClient, timeoutMs: number): void {
  const query = client.query.bind(client) as Query;
  const { stream } = (client as unknown as { connection: { stream: { destroy(error: Error): void } } }).connection;
  const withDeadline: Query = (config, values, callback) => {
    if (typeof (config as { submit?: unknown } | null)?.submit === 'function') return query(config, values, callback);
    const timer = setTimeout(() => {
      const message = `PostgreSQL has not answered a query in ${timeoutMs} ms`;
      stream.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
    }, timeoutMs);
    const ended = () => clearTimeout(timer);
    // The pool's own `query` calls back, with or without values before the callback; all others wait for a promise.
    const watched = (given: unknown) =>
      typeof given === 'function'
        ? (...answer: unknown[]) => {
            ended();
            (given as (...answer: unknown[]) => void)(...answer);
          }
        : given;
    const result = query(config, watched(values), watched(callback));
    if (result instanceof Promise) result.then(ended, ended);
    return result;
  };
  client.query = withDeadline as typeof client.query;
}
