import cliProgress from 'cli-progress';

export interface Bar {
  /** `bytes`: what was received for it, shown as a rate beside that of the units. */
  update(done: number, bytes?: number): void;
  stop(): void;
}

/** A bar with rate and time left on a terminal; nothing elsewhere, where it would only fill a log. */
export function startBar(name: string, total: number, unit: string): Bar {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const startedAt = Date.now();
  const bar = new cliProgress.SingleBar(
    {
      format: `${name} {bar} {percentage}% {rate} ${unit}/s{byteRate}, {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      fps: 8,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0, { rate: '-', byteRate: '' });
  return {
    update: (done, bytes) => {
      const seconds = Math.max(1, Date.now() - startedAt) / 1000;
      bar.update(done, {
        rate: Math.round(done / seconds).toLocaleString('en'),
        byteRate: bytes === undefined ? '' : `, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s`,
      });
    },
    stop: () => bar.stop(),
  };
}
