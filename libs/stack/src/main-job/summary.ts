export interface IterationSummary {
  n: number;
  /** Size of its label set. */
  labels: number;
  heldoutAccuracy: number;
  heldoutAuc: number;
  disagreement: number;
  entropy: number;
}

/** What a finished job tells; also the last line of `npm start -- --exit`. Shares, not percent; entropy in nats. */
export interface Summary {
  ok: boolean;
  seconds: number;
  backbone: string;
  pages: number;
  candidates: number;
  images: number;
  imagesFailed: number;
  labels: number;
  iterations: IterationSummary[];
  list: {
    version: number;
    pages: number;
    precision: number;
    precisionLow: number;
    precisionHigh: number;
    recall: number;
  };
  baseline: { colouredShareAuc: number };
}

export interface StepLine {
  step: string;
  count: string;
  seconds: number;
}

const share = (value: number) => value.toFixed(3);

/** The summary as people read it. */
export function formatSummary(summary: Summary, steps: readonly StepLine[], backboneNote: string): string {
  const lines = [
    '',
    table([
      ['step', 'count', 'seconds'],
      ...steps.map(({ step, count, seconds }) => [step, count, seconds.toFixed(1)]),
    ]),
    '',
    `backbone: ${summary.backbone}${backboneNote ? ` (${backboneNote})` : ''}`,
    '',
    'quality on the heldout items, which nobody labelled or trained on:',
    table([
      ['iteration', 'labels', 'accuracy', 'AUC', 'disagreement', 'entropy'],
      ...summary.iterations.map((it) => [
        `${it.n}`,
        `${it.labels}`,
        share(it.heldoutAccuracy),
        share(it.heldoutAuc),
        share(it.disagreement),
        share(it.entropy),
      ]),
      ['baseline: share of coloured pixels', '0', '', share(summary.baseline.colouredShareAuc), '', ''],
    ]),
    '',
    `HQ list v${summary.list.version}: ${summary.list.pages} of ${summary.candidates} candidates; audited precision ${share(summary.list.precision)} ` +
      `(95 % interval ${share(summary.list.precisionLow)} to ${share(summary.list.precisionHigh)}), recall ${share(summary.list.recall)}; ${summary.labels} labels in all`,
  ];
  return lines.join('\n');
}

/** Columns padded to their widest cell; the first is text, the others stand right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}`.trimEnd(),
    )
    .join('\n');
}
