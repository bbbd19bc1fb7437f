import cliProgress from 'cli-progress';

export interface StepProgress {
  /** `pace`: how fast it goes, in the words of the step. */
  update(done: number, total: number, pace?: string): void;
  /** Ends the step's bar with a line that stays. */
  end(text: string): void;
}

export interface Progress {
  step(name: string): StepProgress;
  say(line: string): void;
}

const lineEveryMs = 5000;

/** Bars where a person looks on; elsewhere a line when a step begins, every five seconds and when it ends; on stderr, so that stdout holds the summary alone. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const say = (line: string) => void stream.write(`${line}\n`);
  return {
    say,
    step: (name) => (stream.isTTY ? barStep(name, stream, say) : lineStep(name, say)),
  };
}

function barStep(name: string, stream: NodeJS.WriteStream, say: (line: string) => void): StepProgress {
  const bar = new cliProgress.SingleBar(
    {
      format: `${name.padEnd(28)} {bar} {percentage}% {value}/{total} {eta_formatted} left{pace}`,
      stream,
      hideCursor: true,
      clearOnComplete: true,
      fps: 8,
      barsize: 30,
    },
    cliProgress.Presets.shades_classic,
  );
  let started = false;
  return {
    update: (done, total, pace) => {
      if (total <= 0) return;
      if (!started) bar.start(total, done, { pace: '' });
      started = true;
      bar.setTotal(total);
      bar.update(done, { pace: pace ? `, ${pace}` : '' });
    },
    end: (text) => {
      if (started) bar.stop();
      say(`${name.padEnd(28)} ${text}`);
    },
  };
}

function lineStep(name: string, say: (line: string) => void): StepProgress {
  say(`${name.padEnd(28)} …`);
  let nextAt = Date.now() + lineEveryMs;
  return {
    update: (done, total, pace) => {
      if (Date.now() < nextAt || total <= 0) return;
      nextAt = Date.now() + lineEveryMs;
      say(`${name.padEnd(28)} ${Math.floor((100 * done) / total)} %, ${done} of ${total}${pace ? `, ${pace}` : ''}`);
    },
    end: (text) => say(`${name.padEnd(28)} ${text}`),
  };
}
