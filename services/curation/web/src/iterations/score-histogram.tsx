import { useState } from 'preact/hooks';
import { decimal, percent, whole } from '../design/format.ts';
import { Figures } from '../design/parts.tsx';
import { type Label, labels, labelTitles } from '../rest/shapes.ts';

export interface Histogram {
  pageCount: number;
  /** Labels behind the lower bound. */
  judgedCount: number;
  threshold: number | null;
  bins: { low: number; high: number; count: number; labelled: Record<Label, number> }[];
  thresholds: {
    threshold: number;
    listedCount: number;
    expectedPrecision: number | null;
    expectedPrecisionLow: number | null;
    expectedRecall: number | null;
  }[];
}

const width = 1000;
const height = 220;
const foot = 4;

/** Pages by P(HQ), and a threshold to move: what a list cut there would hold, and how good it would be. */
export function ScoreHistogram({
  histogram,
  start,
  drawnFrom,
  onChange,
}: {
  histogram: Histogram;
  start: number;
  /** How many candidates these pages stand for; undefined where they are all of them. */
  drawnFrom?: number | undefined;
  onChange?: (threshold: number) => void;
}) {
  const [threshold, setThreshold] = useState(start);
  const { bins, thresholds, pageCount, judgedCount } = histogram;
  const bought = thresholds.find((one) => Math.abs(one.threshold - threshold) < 0.004) ?? thresholds.at(-1);
  // The ends of the scale hold most pages: by the root of the count the middle stays in sight.
  const most = Math.max(1, ...bins.map(({ count }) => Math.sqrt(count)));
  const step = width / Math.max(1, bins.length);
  const move = (value: number) => {
    setThreshold(value);
    onChange?.(value);
  };
  if (!bought) return null;
  return (
    <div class="histogram">
      <Figures
        of={[
          ['Pages listed', <output key="pages">{whole(bought.listedCount)}</output>, `of ${whole(pageCount)}`],
          ...(drawnFrom === undefined || pageCount === 0
            ? []
            : ([
                [
                  'Of all candidates',
                  `about ${whole((bought.listedCount / pageCount) * drawnFrom)}`,
                  `of ${whole(drawnFrom)}`,
                ],
              ] as [string, string, string][])),
          [
            'Expected precision',
            bought.expectedPrecision === null ? '–' : percent(bought.expectedPrecision, 1),
            bought.expectedPrecisionLow === null ? '' : `at least ${percent(bought.expectedPrecisionLow, 1)}`,
          ],
          ['Expected recall', bought.expectedRecall === null ? '–' : percent(bought.expectedRecall, 1)],
        ]}
      />
      <svg
        viewBox={`0 0 ${width} ${height + foot}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${whole(pageCount)} pages by P(HQ); ${whole(bought.listedCount)} of them at ${threshold.toFixed(2)} or above`}
      >
        {bins.map(({ low, count, labelled }, index) => {
          const tall = (Math.sqrt(count) / most) * height;
          const parts = labels.flatMap((label) => (labelled[label] > 0 ? [[label, labelled[label]] as const] : []));
          const wide = (step - 1) / Math.max(1, parts.length);
          return (
            <g key={low} data-listed={low >= threshold - 0.004 ? '' : undefined}>
              <rect class="bin" x={index * step + 0.5} y={height - tall} width={step - 1} height={tall} />
              {parts.map(([label, labelledCount], place) => {
                // Beside each other, each from the foot: by roots, parts of one bar would lie about their shares.
                const part = (Math.sqrt(labelledCount) / most) * height;
                return (
                  <rect
                    key={label}
                    data-label={label}
                    class="judged"
                    x={index * step + 0.5 + place * wide}
                    y={height - part}
                    width={wide}
                    height={part}
                  />
                );
              })}
            </g>
          );
        })}
        <line class="foot" x1="0" x2={width} y1={height} y2={height} />
        <line class="cut" x1={threshold * width} x2={threshold * width} y1="0" y2={height + foot} />
      </svg>
      <div class="scale small faint" aria-hidden="true">
        <span>LQ 0</span>
        <span>P(HQ) 0.5</span>
        <span>1 HQ</span>
      </div>
      <div class="row small">
        <span class="key bar-key" style={{ '--tone': 'var(--bin-listed)' }}>
          all pages, listed
        </span>
        <span class="key bar-key" style={{ '--tone': 'var(--bin)' }}>
          all pages, not listed
        </span>
        {labels.map((label) => (
          <span key={label} class="key bar-key" data-label={label}>
            labelled {labelTitles[label]}
          </span>
        ))}
      </div>
      <div class="field">
        <label for="threshold">Threshold {threshold.toFixed(2)}</label>
        <input
          id="threshold"
          type="range"
          min="0"
          max="1"
          step="0.01"
          value={threshold}
          onInput={(event) => move(event.currentTarget.valueAsNumber)}
        />
      </div>
      <p class="small faint">
        Each bar's height is the root of its count. The lower bound rests on {whole(judgedCount)} labels that were
        judged by members which never saw the book.
      </p>
    </div>
  );
}

/** What the ensemble said of labelled pages against what a person said, at a threshold. */
export function Confusion({
  histogram,
  threshold,
}: {
  histogram: { bins: Pick<Histogram['bins'][number], 'low' | 'labelled'>[] };
  threshold: number;
}) {
  const sums = { HQ: { above: 0, below: 0 }, LQ: { above: 0, below: 0 } };
  for (const { low, labelled } of histogram.bins) {
    const side = low >= threshold - 0.004 ? 'above' : 'below';
    sums.HQ[side] += labelled.HQ;
    sums.LQ[side] += labelled.LQ;
  }
  const total = sums.HQ.above + sums.HQ.below + sums.LQ.above + sums.LQ.below;
  const right = sums.HQ.above + sums.LQ.below;
  const most = Math.max(1, sums.HQ.above, sums.HQ.below, sums.LQ.above, sums.LQ.below);
  const cell = (count: number, isRight: boolean) => (
    <td class="confusion-cell" data-right={isRight ? '' : undefined} style={{ '--share': `${(100 * count) / most}%` }}>
      {whole(count)}
    </td>
  );
  return (
    <table class="confusion">
      <caption class="small faint">
        {total === 0
          ? 'No labelled page was judged yet.'
          : `${whole(right)} of ${whole(total)} agree: ${decimal((100 * right) / total, 1)} %`}
      </caption>
      <thead>
        <tr>
          <td />
          <th scope="col">Ensemble HQ</th>
          <th scope="col">Ensemble LQ</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">Person HQ</th>
          {cell(sums.HQ.above, true)}
          {cell(sums.HQ.below, false)}
        </tr>
        <tr>
          <th scope="row">Person LQ</th>
          {cell(sums.LQ.above, false)}
          {cell(sums.LQ.below, true)}
        </tr>
      </tbody>
    </table>
  );
}
