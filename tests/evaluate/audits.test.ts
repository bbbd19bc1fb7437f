import { expect, it } from 'vitest';
import { figures, runGrid } from './audit-grid.ts';

// A short form of `npm run evaluate:audits`: fewer runs, so wider limits (three standard errors of 150 audits are 0.05).
it('the intervals of audits hold the truth, whether books stand and fall together or an ensemble is surely wrong', {
  timeout: 120_000,
}, () => {
  const cells = runGrid({ runs: 150, precisions: [0.85, 0.99], prevalences: [0.05, 0.5], sizes: [100, 400] });
  expect(cells).toHaveLength(3 * 8 * figures.length);
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
