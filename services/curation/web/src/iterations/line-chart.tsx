import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { themeTurn } from '../design/color-theme.ts';

export interface Line {
  title: string;
  values: (number | null)[];
  /** Number of its colour in the theme; by its place when left out. */
  tone?: number;
  /** Of an interval around the values. */
  low?: (number | null)[];
  high?: (number | null)[];
}

export interface LineChartProps {
  title: string;
  /** What stands below the chart's foot. */
  xTitle: string;
  x: number[];
  lines: Line[];
  /** The lowest and the highest value that must be seen. */
  range?: [number, number];
  digits?: number;
}

const height = 190;
const pointsNamedMax = 8;

const toneOf = (index: number, tone = (index % 4) + 1) => `--chart-${tone}`;

/** The values whose names would not run into each other. */
function apart(values: readonly number[]): number[] {
  const room = ((values.at(-1) ?? 0) - (values[0] ?? 0)) / 8;
  const named: number[] = [];
  for (const value of values) if (named.length === 0 || value - (named.at(-1) as number) >= room) named.push(value);
  return named;
}

/** A few lines over few points, with the same numbers as a table for whoever cannot see it. */
export function LineChart({ title, xTitle, x, lines, range, digits = 3 }: LineChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const turn = themeTurn.value;
  const text = JSON.stringify([x, lines]);
  useEffect(() => {
    const element = box.current;
    if (!element || x.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis: UPlot.Axis = {
      stroke: color('--faint'),
      grid: { stroke: color('--rule'), width: 1 },
      ticks: { stroke: color('--rule'), width: 1 },
      font: `13px ${style.getPropertyValue('--plain')}`,
    };
    const data: (number | null)[][] = [];
    const series: UPlot.Series[] = [];
    const bands: UPlot.Band[] = [];
    for (const [index, { values, low, high, title: label, tone }] of lines.entries()) {
      const stroke = color(toneOf(index, tone));
      if (low && high) {
        bands.push({ series: [data.length + 2, data.length + 1], fill: `${stroke}33` });
        data.push(low, high);
        series.push({ label: `${label} low`, stroke: 'transparent', points: { show: false } });
        series.push({ label: `${label} high`, stroke: 'transparent', points: { show: false } });
      }
      data.push(values);
      series.push({ label, stroke, width: 2, spanGaps: true, points: { show: true, size: 6, fill: stroke } });
    }
    const [least, most] = range ?? [0, 0];
    const chart = new UPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false },
        bands,
        scales: {
          x: { time: false, range: (_chart, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) },
          y: {
            range: (_chart, low, high) => {
              const [bottom, top] = range ? [Math.min(low, least), Math.max(high, most)] : [low, high];
              const margin = (top - bottom) * 0.06 || 0.05;
              return [range && bottom === least ? bottom : bottom - margin, top + margin];
            },
          },
        },
        axes: [
          {
            ...axis,
            size: 34,
            space: 60,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
            // A few points name themselves.
            ...(x.length <= pointsNamedMax ? { splits: () => apart(x) } : {}),
          },
          { ...axis, size: 52, space: 40 },
        ],
        series: [{}, ...series],
      },
      [x, ...data] as UPlot.AlignedData,
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [text, turn]);
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <div class="row small">
          {lines.map((line, index) => (
            <span key={line.title} class="key" style={{ '--tone': `var(${toneOf(index, line.tone)})` }}>
              {line.title}
            </span>
          ))}
        </div>
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
      <p class="small faint chart-foot">{xTitle}</p>
      <details class="small">
        <summary>As numbers</summary>
        <div class="scroll-x">
          <table>
            <caption class="unseen">{title}</caption>
            <thead>
              <tr>
                <th scope="col">{xTitle}</th>
                {lines.map((line) => (
                  <th key={line.title} scope="col" class="number">
                    {line.title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {x.map((value, place) => (
                <tr key={value}>
                  <th scope="row">{value}</th>
                  {lines.map(({ title: name, values, low, high }) => (
                    <td key={name} class="number">
                      {values[place]?.toFixed(digits) ?? '–'}
                      {low?.[place] != null && high?.[place] != null
                        ? ` (${low[place]?.toFixed(digits)} to ${high[place]?.toFixed(digits)})`
                        : ''}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
