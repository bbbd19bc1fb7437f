// `npm run evaluate:curves -- --help` tells the options: the loop on libraries with known truth, with the product's own code but without its
// services: the reference project's curves over the iterations, the verdict, and what the labels up to it bought beside never stopping.

import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, homedir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { selectBackend } from '@florilegium/ensemble';
import { type LoopIteration, runLoop, verdictsOf } from './curve-loop.ts';
import { embedLibrary, openBackbone } from './embed-library.ts';
import { readLibrary } from './read-library.ts';
import { readCommandLine, refuse, refuseFault } from './refuse-options.ts';
import { colours, drawPanels, type Panel } from './svg.ts';

const usage =
  'npm run evaluate:curves -- --library DIR [--library DIR] [--backbone B] [--seeds N] [--iterations N] [--initial N] [--review N] [--plot FILE.svg] [--json FILE] [--from FILE]';
const values = readCommandLine(usage, {
  library: { type: 'string', multiple: true },
  backbone: { type: 'string', default: 'auto' },
  seeds: { type: 'string', default: '5' },
  iterations: { type: 'string', default: '16' },
  initial: { type: 'string', default: '100' },
  review: { type: 'string', default: '40' },
  plot: { type: 'string' },
  json: { type: 'string' },
  // What --json wrote: told and drawn again, with the stop rule of now.
  from: { type: 'string' },
});
const whole = (name: 'seeds' | 'iterations' | 'initial' | 'review') => {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) refuse(`--${name} must be a whole number from 1, not ${values[name]}`);
  return value;
};
const [seeds, iterations, initialCount, reviewCount] = [
  whole('seeds'),
  whole('iterations'),
  whole('initial'),
  whole('review'),
];
if (!values.library && !values.from)
  refuse('--library DIR is missing: a folder in the layout of BHL with its truth.csv');

interface Run {
  library: string;
  seed: number;
  iterations: LoopIteration[];
  decisions: string[];
  /** Index of the first iteration after which the verdict is `stop`. */
  stoppedAt: number | undefined;
}

const { runs, backbone } = values.from
  ? (JSON.parse(await readFile(values.from, 'utf8')) as { runs: Run[]; backbone: string })
  : await runAll(values.library ?? []).catch(refuseFault);
for (const run of runs) {
  // The stop rule of today also of a run that was kept.
  run.decisions = verdictsOf(run.iterations).map(({ decision }) => decision);
  const at = run.decisions.indexOf('stop');
  run.stoppedAt = at < 0 ? undefined : at;
  tell(run);
}

console.log(`\nbackbone ${backbone}; ${initialCount} labels first, ${reviewCount} after each iteration\n`);
console.log(
  'library                          seed  stop after  labels  accuracy  AUC     never stopping: labels  accuracy  AUC',
);
for (const { library, seed, iterations: done, stoppedAt } of runs) {
  const last = done.at(-1)!;
  const stop = stoppedAt === undefined ? undefined : done[stoppedAt]!;
  console.log(
    `${library.slice(-32).padEnd(32)} ${String(seed).padEnd(5)} ${stop ? `${String(stop.number).padEnd(11)} ${String(stop.labelCount).padEnd(7)} ${share(stop.accuracy)}    ${share(stop.auc)}` : 'never                              '}  ${String(last.labelCount).padStart(21)}  ${share(last.accuracy)}    ${share(last.auc)}`,
  );
}
const stopped = runs.filter(({ stoppedAt }) => stoppedAt !== undefined);
const lost = stopped.map(({ iterations: done, stoppedAt }) => done.at(-1)!.accuracy - done[stoppedAt!]!.accuracy);
const spared = stopped.map(({ iterations: done, stoppedAt }) => done.at(-1)!.labelCount - done[stoppedAt!]!.labelCount);
if (stopped.length > 0)
  console.log(
    `\nstopped in ${stopped.length} of ${runs.length} runs; labels spared ${mean(spared).toFixed(0)} in the mean, accuracy given up for them ${share(mean(lost))} in the mean, ${share(Math.max(...lost))} at most`,
  );
if (values.json) await writeFile(values.json, JSON.stringify({ backbone, runs }));
if (values.plot) await writeFile(values.plot, draw(runs.filter(({ library }) => library === runs[0]!.library)));

async function runAll(libraries: readonly string[]): Promise<{ runs: Run[]; backbone: string }> {
  const cacheFolder = process.env.FLORILEGIUM_CACHE ?? join(homedir(), '.cache', 'florilegium');
  const chosen = await openBackbone({
    wish: values.backbone,
    modelFolders: (process.env.FLORILEGIUM_MODELS ?? '').split(delimiter).filter(Boolean),
    cacheFolder,
    offline: process.env.FLORILEGIUM_OFFLINE === '1',
  });
  const silent = { info: () => {}, warn: () => {} };
  await selectBackend('auto', silent);
  const all: Run[] = [];
  for (const library of libraries) {
    const embedded = await embedLibrary(await readLibrary(library, 'candidates'), chosen, {
      cacheFolder,
      threads: Math.max(1, availableParallelism() - 1),
      toneSeed: undefined,
      onProgress: () => {},
    });
    for (const note of embedded.notes) console.log(note);
    for (let seed = 1; seed <= seeds; seed++) {
      const done = [...runLoop(embedded, { seed, iterations, initialCount, reviewCount })];
      all.push({ library: basename(library), seed, iterations: done, decisions: [], stoppedAt: undefined });
      console.error(`${library}, seed ${seed}: ${done.length} iterations`);
    }
  }
  return { runs: all, backbone: chosen.recipe.name };
}

function tell({ library, seed, iterations: done, decisions }: Run): void {
  console.log(
    `\n${library}, seed ${seed}\n  n  labels  change of mind  entropy  disagreement  kappa (95 %)         F bound  accuracy  AUC     verdict`,
  );
  for (const [at, { number, labelCount, curves, accuracy, auc }] of done.entries()) {
    const kappa =
      curves.kappa === null
        ? ''
        : `${curves.kappa.toFixed(3)} (${curves.kappaLow!.toFixed(3)}–${curves.kappaHigh!.toFixed(3)})`;
    console.log(
      `  ${String(number).padEnd(2)} ${String(labelCount).padStart(6)}  ${share(curves.changeOfMind).padEnd(14)}  ${share(curves.meanEntropy)}   ${share(curves.meanDisagreement).padEnd(12)}  ${kappa.padEnd(20)} ${share(curves.fChangeBound).padEnd(7)}  ${share(accuracy)}    ${share(auc)}  ${decisions[at]}`,
    );
  }
}

/** The first library's runs: thin lines for each seed, a thick one for their mean. */
function draw(some: readonly Run[]): string {
  const longest = Math.max(...some.map((run) => run.iterations.length));
  const x = (label = 'iteration') => ({ label, low: 1, high: longest, ticks: ticksUpTo(longest) });
  const series = (value: (iteration: LoopIteration) => number | null) =>
    some.map((run) =>
      run.iterations.flatMap((iteration): [number, number][] => {
        const at = value(iteration);
        return at === null ? [] : [[iteration.number, at]];
      }),
    );
  const panel = (
    title: string,
    label: string,
    value: (iteration: LoopIteration) => number | null,
    range?: { low: number; high: number },
  ): Panel => {
    const all = series(value);
    const high = range?.high ?? niceAbove(Math.max(...all.flat().map(([, y]) => y)));
    const low = range?.low ?? 0;
    return {
      title,
      x: x(),
      y: { label, low, high, ticks: [0, 1, 2, 3, 4].map((step) => rounded(low + (step / 4) * (high - low))) },
      lines: [
        ...all.map((points) => ({
          colour: '#b9cfe0',
          points: points.map(([a, b]): [number, number] => [a, Math.max(low, Math.min(high, b))]),
        })),
        {
          colour: colours[0],
          points: meanLine(all).map(([a, b]): [number, number] => [a, Math.max(low, Math.min(high, b))]),
        },
      ],
      marks: stopMark(some),
    };
  };
  const members = some[0]!.iterations.find(({ curves }) => curves.bySet.unlabelled.changeOfMindByMember)?.curves.bySet
    .unlabelled.changeOfMindByMember?.length;
  const byMember = Array.from({ length: members ?? 0 }, (_, member) =>
    meanLine(series(({ curves }) => curves.bySet.unlabelled.changeOfMindByMember?.[member] ?? null)),
  );
  const changeHigh = niceAbove(
    Math.max(
      ...byMember.flat().map(([, y]) => y),
      ...series(({ curves }) => curves.changeOfMind)
        .flat()
        .map(([, y]) => y),
    ),
  );
  return drawPanels(
    [
      {
        title: 'Change of mind, each member (mean of the seeds)',
        x: x(),
        y: {
          label: 'share of pages',
          low: 0,
          high: changeHigh,
          ticks: [0, 1, 2, 3, 4].map((step) => rounded((step / 4) * changeHigh)),
        },
        lines: byMember.map((points, at) => ({ colour: colours[at % colours.length]!, points })),
        marks: stopMark(some),
      },
      panel('Change of mind, ensemble', 'share of pages', ({ curves }) => curves.changeOfMind, {
        low: 0,
        high: changeHigh,
      }),
      panel('Entropy', 'mean, nats', ({ curves }) => curves.meanEntropy),
      panel('Disagreement', 'share of dissenting members', ({ curves }) => curves.meanDisagreement),
      panel('Kappa with the ensemble before, set stop', 'kappa', ({ curves }) => curves.kappa, { low: 0.8, high: 1 }),
      panel('Accuracy on held-out books', 'accuracy', ({ accuracy }) => accuracy, { low: 0.8, high: 1 }),
    ],
    {
      title: `${initialCount} labels, ${reviewCount} more after each iteration; ${some.length} seeds, ${backbone.split('+')[0]}`,
      columns: 2,
      key: [
        { name: 'a seed', colour: '#b9cfe0' },
        { name: 'mean of the seeds', colour: colours[0] },
        { name: 'verdict turns to stop (middle seed)', colour: colours[1] },
      ],
    },
  );
}

function stopMark(some: readonly Run[]) {
  const stops = some.flatMap(({ stoppedAt }) => (stoppedAt === undefined ? [] : [stoppedAt + 1])).sort((a, b) => a - b);
  const middle = stops[Math.floor((stops.length - 1) / 2)];
  return middle === undefined ? [] : [{ at: middle, colour: colours[1], name: 'stop' }];
}

function meanLine(all: readonly (readonly (readonly [number, number])[])[]): [number, number][] {
  const byX = Map.groupBy(all.flat(), ([at]) => at);
  return [...byX].sort(([a], [b]) => a - b).map(([at, points]) => [at, mean(points.map(([, y]) => y))]);
}

function ticksUpTo(last: number): number[] {
  const step = Math.max(1, Math.ceil(last / 8));
  return Array.from({ length: Math.floor((last - 1) / step) + 1 }, (_, at) => 1 + at * step);
}

function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return Math.ceil((value / unit) * 2) * (unit / 2);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}

function share(value: number | null): string {
  return value === null ? '' : value.toFixed(4);
}
