import cliProgress from 'cli-progress';

export interface Bar {
  update(done: number): void;
  stop(): void;
}

/** A bar with rate and time left on a terminal; nothing elsewhere, where it would only fill a log. */
export function startBar(name: string, total: number, unit: string): Bar {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const startedAt = Date.now();
  const bar = new cliProgress.SingleBar(
    {
      format: `${name} {bar} {percentage}% {rate} ${unit}/s, {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      fps: 8,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, { rate: '-' });
  return {
    update: (done) =>
      bar.update(done, { rate: Math.round((done * 1000) / Math.max(1, Date.now() - startedAt)).toLocaleString('en') }),
    stop: () => bar.stop(),
  };
}
