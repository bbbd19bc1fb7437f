import { describe, expect, it } from 'vitest';
import { midPInterval } from './mid-p-interval.ts';

const endless = 1e12;

describe('the mid-P interval', () => {
  it('ends where a half-counted tail of the binomial distribution is 0.025', () => {
    const massOf = (k: number, n: number, p: number) => {
      let mass = (1 - p) ** n;
      for (let i = 0; i < k; i++) mass *= ((n - i) / (i + 1)) * (p / (1 - p));
      return mass;
    };
    for (const [k, n] of [
      [5, 10],
      [1, 20],
      [29, 30],
    ] as const) {
      const { low, high } = midPInterval(k, n, endless);
      const above = (p: number) =>
        Array.from({ length: n - k + 1 }, (_, i) => massOf(k + i, n, p) * (i === 0 ? 0.5 : 1)).reduce((a, b) => a + b);
      expect(above(low)).toBeCloseTo(0.025, 6);
      expect(1 - above(high)).toBeCloseTo(0.025, 6);
    }
    expect(midPInterval(0, 20, endless)).toMatchObject({ low: 0, high: expect.closeTo(1 - 0.05 ** (1 / 20), 6) });
  });

  it('mirrors successes and failures', () => {
    const one = midPInterval(3, 40, 900);
    const other = midPInterval(37, 40, 900);
    expect(other.low).toBeCloseTo(1 - one.high, 10);
    expect(other.high).toBeCloseTo(1 - one.low, 10);
  });

  it('narrows with the share of the pages that were seen, and is certain of a stratum seen whole', () => {
    const widthOf = ({ low, high }: { low: number; high: number }) => high - low;
    expect(widthOf(midPInterval(6, 30, 60))).toBeLessThan(0.75 * widthOf(midPInterval(6, 30, 6000)));
    expect(midPInterval(6, 30, 30)).toEqual({ estimate: 0.2, low: 0.2, high: 0.2 });
    expect(midPInterval(6, 30, 31).low).toBeGreaterThanOrEqual(6 / 31);
  });

  it('has an end for large counts', () => {
    const { low, high } = midPInterval(40_000, 80_000, endless);
    expect(low).toBeCloseTo(0.5 - 1.96 * Math.sqrt(0.25 / 80_000), 4);
    expect(high).toBeCloseTo(0.5 + 1.96 * Math.sqrt(0.25 / 80_000), 4);
  });
});
