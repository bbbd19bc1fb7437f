// Small charts as SVG text: axes with ticks, dots and lines; nothing that a browser or a README's viewer would have to load.

export interface Axis {
  label: string;
  low: number;
  high: number;
  ticks: readonly number[];
  format?: (value: number) => string;
}

export interface Panel {
  title: string;
  x: Axis;
  y: Axis;
  lines?: readonly {
    name?: string;
    colour: string;
    dashed?: boolean;
    points: readonly (readonly [number, number])[];
  }[];
  dots?: readonly { colour: string; points: readonly (readonly [number, number])[] }[];
  /** Horizontal bands, in the units of y. */
  bands?: readonly { from: number; to: number; colour: string }[];
  /** Vertical marks, in the units of x. */
  marks?: readonly { at: number; colour: string; name: string }[];
}

/** Colours that differ also for people who do not see red and green apart (Okabe and Ito). */
export const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'] as const;

const panelWidth = 430;
const panelHeight = 300;
const margin = { left: 66, right: 14, top: 34, bottom: 46 };

/** Panels in rows of `columns`, under a title, with a key to colours below. */
export function drawPanels(
  panels: readonly Panel[],
  { title, columns, key = [] }: { title: string; columns: number; key?: readonly { name: string; colour: string }[] },
): string {
  const rows = Math.ceil(panels.length / columns);
  const width = columns * panelWidth;
  const height = 40 + rows * panelHeight + (key.length > 0 ? 30 : 0);
  const body = panels.map((panel, at) => {
    const x = (at % columns) * panelWidth;
    const y = 40 + Math.floor(at / columns) * panelHeight;
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`;
  });
  let keyAt = margin.left;
  const keys = key.map(({ name, colour }) => {
    const at = keyAt;
    keyAt += 28 + 7 * name.length;
    return `<circle cx="${at}" cy="${height - 16}" r="5" fill="${colour}"/><text x="${at + 10}" y="${height - 12}">${escaped(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${margin.left}" y="24" font-size="16" font-weight="600">${escaped(title)}</text>
${body.join('\n')}
${keys.join('\n')}
</svg>
`;
}

function drawPanel({ title, x, y, lines = [], dots = [], bands = [], marks = [] }: Panel): string {
  const right = panelWidth - margin.right;
  const bottom = panelHeight - margin.bottom;
  const px = (value: number) => round(margin.left + ((value - x.low) / (x.high - x.low)) * (right - margin.left));
  const py = (value: number) => round(bottom - ((value - y.low) / (y.high - y.low)) * (bottom - margin.top));
  const parts: string[] = [`<text x="${margin.left}" y="20" font-weight="600">${escaped(title)}</text>`];
  for (const { from, to, colour } of bands)
    parts.push(
      `<rect x="${margin.left}" y="${py(to)}" width="${right - margin.left}" height="${round(py(from) - py(to))}" fill="${colour}"/>`,
    );
  for (const tick of y.ticks)
    parts.push(
      `<line x1="${margin.left}" x2="${right}" y1="${py(tick)}" y2="${py(tick)}" stroke="#ddd"/><text x="${margin.left - 6}" y="${py(tick) + 4}" text-anchor="end">${(y.format ?? String)(tick)}</text>`,
    );
  for (const tick of x.ticks)
    parts.push(
      `<line x1="${px(tick)}" x2="${px(tick)}" y1="${bottom}" y2="${bottom + 4}" stroke="#888"/><text x="${px(tick)}" y="${bottom + 18}" text-anchor="middle">${escaped((x.format ?? String)(tick))}</text>`,
    );
  parts.push(
    `<path d="M${margin.left} ${margin.top}V${bottom}H${right}" fill="none" stroke="#888"/>`,
    `<text x="${(margin.left + right) / 2}" y="${panelHeight - 8}" text-anchor="middle">${escaped(x.label)}</text>`,
    `<text transform="translate(14 ${(margin.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(y.label)}</text>`,
  );
  for (const { at, colour, name } of marks)
    parts.push(
      `<line x1="${px(at)}" x2="${px(at)}" y1="${margin.top}" y2="${bottom}" stroke="${colour}" stroke-dasharray="3 3"/><text x="${px(at) + 4}" y="${margin.top + 10}" fill="${colour}">${escaped(name)}</text>`,
    );
  for (const { colour, dashed, points } of lines)
    parts.push(
      `<polyline points="${points.map(([a, b]) => `${px(a)},${py(b)}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="1.8"${dashed ? ' stroke-dasharray="5 4"' : ''}/>`,
    );
  for (const { colour, points } of dots)
    for (const [a, b] of points)
      parts.push(`<circle cx="${px(a)}" cy="${py(b)}" r="3" fill="${colour}" fill-opacity="0.7"/>`);
  return parts.join('\n');
}

const round = (value: number) => Math.round(value * 10) / 10;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
