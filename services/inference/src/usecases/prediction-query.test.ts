import { expect, it } from 'vitest';
import { filterOf } from './prediction-query.ts';

it('works out the threshold of a run once, however many pages of its classes are read, and again where that failed', async () => {
  const asked: number[] = [];
  const predictions = {
    entropyQuantile: async (runNumber: number) => {
      asked.push(runNumber);
      if (asked.length === 1) throw new Error('the database is away');
      return runNumber / 10;
    },
  };
  await expect(filterOf(predictions, 3, { triageClass: 'A' })).rejects.toThrow('away');
  for (const triageClass of ['A', 'B', 'A'] as const)
    expect(await filterOf(predictions, 3, { triageClass })).toMatchObject({ entropyThreshold: 0.3 });
  expect(await filterOf(predictions, 4, { triageClass: 'D' })).toMatchObject({ entropyThreshold: 0.4 });
  expect(await filterOf(predictions, 4, { triageClass: 'D', entropyThreshold: 0.6 })).toMatchObject({
    entropyThreshold: 0.6,
  });
  expect(asked).toEqual([3, 3, 4]);
});
