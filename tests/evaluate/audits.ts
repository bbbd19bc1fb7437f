// `npm run evaluate:audits [-- --runs N] [--plot FILE.svg]`: how often the 95 % intervals of an audit hold the truth, over precisions, prevalences and sample
// sizes, and how wide they are beside those of a plain random audit of as many pages. Exit status 1 where a limit below is not kept.
import { writeFile } from 'node:fs/promises';
import { breachesOf, type Cell, defaultGrid, figures, limits, runGrid, type WorldKind, worlds } from './audit-grid.ts';
import { readCommandLine, refuse } from './refuse-options.ts';
import { colours, drawPanels, type Panel } from './svg.ts';

const worldNames: Record<WorldKind, string> = {
  pages: 'pages by themselves',
  books: 'books stand and fall together',
  hidden: '8 % of HQ surely missed',
  labelled: 'unsure pages labelled before',
};

const values = readCommandLine('npm run evaluate:audits -- [--runs N] [--plot FILE.svg]', {
  runs: { type: 'string', default: '1000' },
  plot: { type: 'string' },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 10) refuse(`--runs must be a whole number from 10, not ${values.runs}`);

const isTerminal = process.stderr.isTTY;
const cells = runGrid({
  runs,
  onCell: (done, all) => isTerminal && process.stderr.write(`\r${done} of ${all} cells${done === all ? '\n' : ''}`),
});
const { precisions, prevalences, sizes, recall, outsideShares, candidates } = defaultGrid;
console.log(`${runs} audits a cell; ${candidates} candidates, recall ${recall}; coverage, and the width in brackets\n`);
for (const world of worlds)
  for (const figure of figures) {
    console.log(`${figure}, ${worldNames[world]}`);
    const heads = prevalences.map(
      (share, at) => `prevalence ${share}${figure.includes('outside') ? `, outside ${outsideShares[at]}` : ''}`,
    );
    console.log(`  precision  pages  ${heads.map((head) => head.padEnd(30)).join('')}`);
    for (const precision of precisions)
      for (const size of sizes) {
        const row = cells.filter(
          (cell) =>
            cell.world === world && cell.figure === figure && cell.precision === precision && cell.size === size,
        );
        console.log(
          `  ${String(precision).padEnd(9)}  ${String(size).padEnd(5)}  ${row.map((cell) => tell(cell).padEnd(30)).join('')}`,
        );
      }
  }

console.log('\nfigure               world                          mean    lowest  width  plain audit: mean  width');
for (const world of worlds)
  for (const figure of figures) {
    const some = cells.filter((cell) => cell.world === world && cell.figure === figure);
    const lowest = Math.min(...some.map(({ coverage }) => coverage));
    const plain =
      some[0]!.plainCoverage === null
        ? ''
        : `${' '.repeat(13)}${percent(mean(some, (cell) => cell.plainCoverage!))}  ${mean(some, (cell) => cell.plainWidth!).toFixed(3)}`;
    console.log(
      `${figure.padEnd(20)} ${worldNames[world].padEnd(30)} ${percent(mean(some, (cell) => cell.coverage))}  ${percent(lowest)}  ${mean(some, (cell) => cell.width).toFixed(3)}${plain}`,
    );
  }
for (const figure of figures) {
  const some = cells.filter((cell) => cell.figure === figure);
  console.log(`${figure.padEnd(20)} ${'all'.padEnd(30)} ${percent(mean(some, (cell) => cell.coverage))}`);
}
const lowest = Math.min(...cells.map(({ coverage }) => coverage));
console.log(
  `\nall ${cells.length} cells: mean ${percent(mean(cells, (cell) => cell.coverage))}, lowest ${percent(lowest)}`,
);
const breaches = breachesOf(cells);
for (const breach of breaches) console.log(breach);
if (values.plot) await writeFile(values.plot, draw(cells));
process.exitCode = breaches.length === 0 ? 0 : 1;

function tell({ coverage, width, plainCoverage, plainWidth }: Cell): string {
  const own = `${percent(coverage)} (${width.toFixed(3)})`;
  return plainCoverage === null ? own : `${own} plain ${plainWidth!.toFixed(3)}`;
}

function draw(some: readonly Cell[]): string {
  const coverage = figures.map(
    (figure): Panel => ({
      title: `Coverage: ${figure}`,
      x: { label: 'audited pages', low: 0, high: 4, ticks: [1, 2, 3], format: (at) => String(sizes[at - 1]) },
      y: { label: 'audits that hold the truth', low: 0.9, high: 1, ticks: [0.9, 0.92, 0.95, 0.98, 1], format: whole },
      bands: [{ from: limits.meanLow, to: limits.meanHigh, colour: '#eef5ee' }],
      lines: [
        {
          colour: '#555',
          dashed: true,
          points: [
            [0, 0.95],
            [4, 0.95],
          ],
        },
      ],
      dots: worlds.map((world, at) => ({
        colour: colours[at]!,
        points: some
          .filter((cell) => cell.world === world && cell.figure === figure)
          .map((cell): [number, number] => [
            sizes.indexOf(cell.size as 100) + 1 + (at - 1.5) * 0.18,
            Math.max(0.9, cell.coverage),
          ]),
      })),
    }),
  );
  const widths = (['precision', 'recall'] as const).map(
    (figure): Panel => ({
      title: `Width of the interval: ${figure}`,
      x: { label: 'plain random audit of as many pages', low: 0, high: 0.7, ticks: [0, 0.2, 0.4, 0.6] },
      y: { label: 'this audit', low: 0, high: 0.7, ticks: [0, 0.2, 0.4, 0.6] },
      lines: [
        {
          colour: '#555',
          dashed: true,
          points: [
            [0, 0],
            [0.7, 0.7],
          ],
        },
      ],
      dots: worlds.map((world, at) => ({
        colour: colours[at]!,
        points: some
          .filter((cell) => cell.world === world && cell.figure === figure)
          .map((cell): [number, number] => [Math.min(0.7, cell.plainWidth!), Math.min(0.7, cell.width)]),
      })),
    }),
  );
  return drawPanels([...coverage, ...widths], {
    title: `Audits with known truth: ${runs} in each of ${some.length} cells`,
    columns: 2,
    key: worlds.map((world, at) => ({ name: worldNames[world], colour: colours[at]! })),
  });
}

function mean(some: readonly Cell[], value: (cell: Cell) => number): number {
  return some.reduce((sum, cell) => sum + value(cell), 0) / some.length;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function whole(share: number): string {
  return `${Math.round(100 * share)} %`;
}
