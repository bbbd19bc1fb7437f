import { expect, it } from 'vitest';
import { breachesOf, type Cell, figures, runGrid } from './audit-grid.ts';

// A short form of `npm run evaluate:audits`: fewer runs, so wider limits (three standard errors of 150 audits are 0.05).
it('the intervals of audits hold the truth, whether books stand and fall together, an ensemble is surely wrong or people have labelled before', {
  timeout: 120_000,
}, () => {
  const cells = runGrid({ runs: 150, precisions: [0.85, 0.99], prevalences: [0.05, 0.5], sizes: [100, 400] });
  expect(cells).toHaveLength(4 * 8 * figures.length);
  expect(cells.filter(({ coverage }) => coverage < 0.9)).toEqual([]);
  for (const figure of figures) {
    const coverages = cells.filter((cell) => cell.figure === figure).map(({ coverage }) => coverage);
    const mean = coverages.reduce((sum, coverage) => sum + coverage, 0) / coverages.length;
    expect(mean, figure).toBeGreaterThan(0.94);
    expect(mean, figure).toBeLessThan(0.99);
  }
  const precise = cells.filter(({ figure }) => figure === 'precision');
  const widthOf = (pick: (cell: (typeof cells)[number]) => number) =>
    precise.reduce((sum, cell) => sum + pick(cell), 0);
  expect(widthOf(({ width }) => width)).toBeLessThan(0.7 * widthOf(({ plainWidth }) => plainWidth!));
});

it('names each figure whose mean or whose lowest cell is not as wanted, so that a good one hides no bad one', () => {
  const aCell = (figure: Cell['figure'], coverage: number): Cell => ({
    world: 'pages',
    precision: 0.9,
    prevalence: 0.1,
    size: 100,
    figure,
    coverage,
    width: 0.1,
    plainCoverage: null,
    plainWidth: null,
  });
  const good = figures.map((figure) => aCell(figure, 0.95));
  expect(breachesOf(good)).toEqual([]);
  expect(breachesOf([...good.slice(1), aCell('precision', 0.93)])).toEqual([
    'precision: mean coverage 93.0 %, not 94.0 % to 98.0 %',
  ]);
  expect(breachesOf([...good, aCell('recall', 0.97), aCell('recall', 0.915)])).toEqual([
    'recall: 1 cells under 92.0 %, the lowest 91.5 %',
  ]);
  expect(breachesOf([...good.slice(1), aCell('precision', 0.99)])[0]).toContain('precision: mean coverage 99.0 %');
});
