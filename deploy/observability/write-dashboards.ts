// Writes the Grafana dashboards of panels.ts into the chart. Usage: node deploy/observability/write-dashboards.ts
// The JSON model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Dashboard, dashboards, type Panel } from './panels.ts';

const folder = fileURLToPath(new URL('../helm/florilegium/files/dashboards/', import.meta.url));
const width = 24;
const height = 8;
const datasource = { type: 'prometheus', uid: '$datasource' };

export function jsonOf({ name, title, description, rows }: Dashboard): string {
  const panels: object[] = [];
  let y = 0;
  let id = 0;
  for (const [row, members] of Object.entries(rows)) {
    panels.push({
      id: ++id,
      type: 'row',
      title: row,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: width, h: 1 },
      panels: [],
    });
    const w = Math.max(6, Math.floor(width / Math.min(members.length, 4)));
    const inRow = Math.floor(width / w);
    for (const [at, panel] of members.entries()) {
      const gridPos = { x: (at % inRow) * w, y: y + Math.floor(at / inRow) * height, w, h: height };
      panels.push({ id: ++id, ...panelOf(panel), gridPos });
    }
    y += Math.ceil(members.length / inRow) * height;
  }
  const dashboard = {
    uid: `florilegium-${name}`,
    title,
    description,
    tags: ['florilegium'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }] },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

function panelOf({ title, description, unit, kind = 'timeseries', queries, needs }: Panel): object {
  const isNow = kind !== 'timeseries';
  return {
    type: kind,
    title,
    description: [description, needsText(needs)].filter(Boolean).join('. '),
    datasource,
    fieldConfig: { defaults: { unit: unit ?? 'short', min: 0 }, overrides: [] },
    options: isNow
      ? {
          reduceOptions: { calcs: ['lastNotNull'], values: false },
          orientation: kind === 'bargauge' ? 'horizontal' : 'auto',
        }
      : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: Object.entries(queries).map(([legendFormat, expr], at) => ({
      refId: String.fromCharCode(65 + at),
      datasource,
      expr,
      legendFormat,
      instant: isNow,
      range: !isNow,
    })),
  };
}

function needsText(needs: Panel['needs']): string {
  if (needs === 'kubernetes') return 'From kube-state-metrics and KEDA';
  if (needs === 'gpu') return "From NVIDIA's DCGM exporter";
  if (needs === 's3') return 'From the object store';
  return '';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(folder, { recursive: true });
  for (const dashboard of dashboards) writeFileSync(`${folder}${dashboard.name}.json`, jsonOf(dashboard));
}
