import { deadlineExceeded } from '@florilegium/errors';

/** Longer than work waits for a server that is away (about half an hour): what could end by itself has ended by then. */
export const stallMaxMs = 3_600_000;

/** Tells for how long what it is shown has been the same. */
export function watchForStall(what: string, maxMs: number = stallMaxMs) {
  let last = '';
  let movedAt = performance.now();
  /** @throws deadline_exceeded when it has been the same for too long */
  return (state: unknown): { stillForMs: number } => {
    const text = JSON.stringify(state);
    const now = performance.now();
    if (text !== last) movedAt = now;
    last = text;
    const stillForMs = now - movedAt;
    if (stillForMs > maxMs)
      throw deadlineExceeded(`${what} has not moved for ${Math.round(maxMs / 60_000)} minutes; the logs say why`);
    return { stillForMs };
  };
}
