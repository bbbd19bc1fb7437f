import { describe, expect, it } from 'vitest';
import { countJudged } from './judged-bins.ts';

const filled = (bins: ReturnType<typeof countJudged>) =>
  bins.flatMap(({ low, labelled }) =>
    Object.entries(labelled).flatMap(([label, count]) => (count > 0 ? [`${low} ${label} ${count}`] : [])),
  );

describe('countJudged', () => {
  it('puts each label into the bin of its mean, the ends included', () => {
    const bins = countJudged(
      [
        { label: 'HQ', members: [1, 1] },
        { label: 'HQ', members: [0.25, 0.35] },
        { label: 'LQ', members: [0] },
        { label: 'NOT_SURE', members: [0.5] },
        { label: 'LQ', members: [0.04, 0.05] },
      ],
      10,
    );
    expect(filled(bins)).toEqual(['0 LQ 2', '0.3 HQ 1', '0.5 NOT_SURE 1', '0.9 HQ 1']);
  });

  it('leaves out what no member judged without seeing its book', () => {
    expect(filled(countJudged([{ label: 'HQ', members: [] }], 10))).toEqual([]);
  });

  it('does not move what single precision stored just below an edge', () => {
    expect(filled(countJudged([{ label: 'HQ', members: [Math.fround(0.7)] }], 10))).toEqual(['0.7 HQ 1']);
  });
});
