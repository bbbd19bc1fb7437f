import { type Bar, startBar } from '../../libs/cli/src/progress-bar.ts';

const saidEveryMs = 15_000;

/** A bar on a terminal; a line every fifteen seconds elsewhere, so that a long evaluation is never silent. */
export function startProgress(name: string, total: number, unit: string): Bar {
  const bar = startBar(name, total, unit);
  const startedAt = Date.now();
  let saidAt = startedAt;
  return {
    stop: () => bar.stop(),
    update: (done) => {
      bar.update(done);
      const now = Date.now();
      if (process.stderr.isTTY || now - saidAt < saidEveryMs || done === 0) return;
      saidAt = now;
      const msLeft = ((now - startedAt) / done) * (total - done);
      console.error(`${name}: ${done} of ${total} ${unit}, ${Math.round(msLeft / 1000)} s left`);
    },
  };
}
