import type { BackboneReport, Curve } from './report.ts';

// Told apart also without colour vision (Okabe and Ito, 2008).
const colours = ['#000000', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8a7f00'];
const panel = { width: 440, height: 300, left: 58, top: 44, gap: 72 };

/** Accuracy and AUC by labels as one SVG: a row a backbone, a line a strategy, bars for 95 %. */
export function plotOf(reports: readonly BackboneReport[], scene: string): string {
  const rowHeight = panel.height + panel.top + 56;
  const width = 2 * (panel.width + panel.left) + panel.gap + 100;
  const rows = reports.map((report, row) =>
    (['accuracy', 'auc'] as const)
      .map((name, column) =>
        drawPanel(report, name, panel.left + column * (panel.width + panel.gap), 30 + row * rowHeight + panel.top),
      )
      .join('\n'),
  );
  const height = 40 + reports.length * rowHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${panel.left}" y="24" font-size="15">${escaped(scene)}</text>
${rows.join('\n')}
</svg>
`;
}

function drawPanel(report: BackboneReport, name: 'accuracy' | 'auc', left: number, top: number): string {
  const { width, height } = panel;
  const points = report.curves.flatMap((curve) => curve.points);
  const budgets = [...new Set(points.map(({ budget }) => budget))].sort((a, b) => a - b);
  const low = Math.max(0, Math.floor(Math.min(...points.map((point) => point[name].low)) * 20) / 20);
  const spread = Math.log(budgets.at(-1)! / budgets[0]!) || 1;
  const x = (budget: number) => left + 12 + ((width - 24) * Math.log(budget / budgets[0]!)) / spread;
  const y = (value: number) => top + height - ((value - low) / (1 - low || 1)) * height;
  const ticks = Array.from({ length: 6 }, (_, step) => low + ((1 - low) * step) / 5);
  const title = name === 'auc' ? 'AUC' : 'accuracy';
  const baseline =
    name === 'auc' && report.colouredShareAuc >= low
      ? `<line x1="${left}" x2="${left + width}" y1="${y(report.colouredShareAuc).toFixed(1)}" y2="${y(report.colouredShareAuc).toFixed(1)}" stroke="#777" stroke-dasharray="5 4"/>
<text x="${left + 6}" y="${(y(report.colouredShareAuc) - 4).toFixed(1)}" fill="#555">share of coloured pixels</text>`
      : '';
  return `<g>
<text x="${left}" y="${top - 12}" font-weight="bold">${escaped(report.backbone)}: ${title}</text>
<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#999"/>
${ticks.map((tick) => `<line x1="${left}" x2="${left + width}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#e4e4e4"/><text x="${left - 6}" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${tick.toFixed(3)}</text>`).join('\n')}
${budgets.map((budget) => `<text x="${x(budget).toFixed(1)}" y="${top + height + 18}" text-anchor="middle">${budget}</text>`).join('\n')}
<text x="${left + width / 2}" y="${top + height + 38}" text-anchor="middle">labels</text>
${baseline}
${report.curves.map((curve, at) => drawCurve(curve, at, report.curves.length)).join('\n')}
</g>`;

  function drawCurve({ strategy, points: own }: Curve, at: number, count: number): string {
    const colour = colours[at % colours.length]!;
    // Bars side by side, so that none hides another.
    const shift = (at - (count - 1) / 2) * 3;
    const path = own
      .map((point) => `${(x(point.budget) + shift).toFixed(1)},${y(point[name].mean).toFixed(1)}`)
      .join(' ');
    const bars = own
      .map((point) => {
        const place = (x(point.budget) + shift).toFixed(1);
        const { mean, low: from, high: to } = point[name];
        return `<line x1="${place}" x2="${place}" y1="${y(Math.max(low, from)).toFixed(1)}" y2="${y(to).toFixed(1)}" stroke="${colour}" stroke-opacity="0.45"/><circle cx="${place}" cy="${y(mean).toFixed(1)}" r="2.6" fill="${colour}"/>`;
      })
      .join('');
    const legendY = top + height - 10 - 15 * (count - 1 - at);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>${bars}
<line x1="${left + width - 96}" x2="${left + width - 78}" y1="${legendY - 4}" y2="${legendY - 4}" stroke="${colour}" stroke-width="2"/><text x="${left + width - 72}" y="${legendY}">${escaped(strategy)}</text>`;
  }
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
