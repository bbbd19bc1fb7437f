import { describe, expect, it } from 'vitest';
import { parseFaults, planFaults } from './faults.ts';

const paths = Array.from({ length: 400 }, (_, at) => `/web/a/a_${at}`);

describe('planFaults', () => {
  it('meets each fault in its share', () => {
    const plan = planFaults({ slow: 0.2, reset: 0.1 }, 1);
    const met = paths.map((path) => plan.next(path));
    expect(met.filter((fault) => fault === 'slow').length / paths.length).toBeCloseTo(0.2, 1);
    expect(met.filter((fault) => fault === 'reset').length / paths.length).toBeCloseTo(0.1, 1);
    expect(met.filter((fault) => fault === 'html')).toEqual([]);
  });

  it('depends on seed, path and attempt, not on the order of the paths', () => {
    const forwards = planFaults({ html: 0.5 }, 1);
    const backwards = planFaults({ html: 0.5 }, 1);
    const first = new Map(paths.map((path) => [path, forwards.next(path)]));
    const second = new Map([...paths].reverse().map((path) => [path, backwards.next(path)]));
    expect([...first].filter(([path, fault]) => second.get(path) !== fault)).toEqual([]);
    const other = planFaults({ html: 0.5 }, 2);
    expect(paths.some((path) => other.next(path) !== first.get(path))).toBe(true);
  });

  it('answers a path well after its bound of faulty attempts', () => {
    const plan = planFaults({ reset: 1, faultyAttemptsMax: 3 }, 1);
    expect(Array.from({ length: 6 }, () => plan.next('/web/a'))).toEqual([
      'reset',
      'reset',
      'reset',
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('parseFaults', () => {
  it.each([
    [{ slow: 1.5 }, /faults\.slow is not a share/],
    [{ fire: 0.1 }, /faults\.fire is no fault/],
    [{ slow: 0.6, reset: 0.6 }, /add up to 1\.2/],
    [{ slowMs: -1 }, /faults\.slowMs/],
    [{ on: 'sundays' }, /faults\.on/],
    [[], /not an object/],
  ])('refuses %j', (value, message) => {
    expect(() => parseFaults(value)).toThrow(message);
  });
});
