import { Counter, Gauge } from 'prom-client';
import type { AuditFigures } from './domain/audit-estimate.ts';
import type { Curves } from './domain/curves.ts';
import type { Label } from './domain/label.ts';

const recorded = new Counter({
  name: 'florilegium_curation_labels_total',
  help: 'Labels recorded',
  labelNames: ['label'],
});
const refused = new Counter({
  name: 'florilegium_curation_labels_refused_total',
  help: 'Labels refused',
  labelNames: ['code'],
});
const moved = new Counter({
  name: 'florilegium_curation_iteration_moves_total',
  help: 'Iterations that came into a state',
  labelNames: ['state'],
});
const lists = new Counter({
  name: 'florilegium_curation_hq_lists_total',
  help: 'HQ lists that came into a state',
  labelNames: ['state'],
});

export const metrics = {
  labelRecorded: (label: Label) => recorded.inc({ label }),
  labelRefused: (code: string) => refused.inc({ code }),
  iterationMoved: (state: string) => moved.inc({ state }),
  hqListMoved: (state: string) => lists.inc({ state }),
};

/** Where the loop stands, as the store tells it; iterations and lists from old to new. */
export interface LoopState {
  labels: Record<Label, number>;
  iterations: {
    number: number;
    state: string;
    counts: Record<Label, number>;
    curves: Pick<Curves, 'meanEntropy' | 'meanDisagreement' | 'changeOfMind' | 'kappa'> | null;
    outOfFoldScores: { accuracy: number; auc: number } | null;
  }[];
  lists: { version: number; pageCount: number | null; figures: AuditFigures | null }[];
}

// Iterations and lists are few, and only the newest are shown: their numbers may stand as dimensions.
const shownMax = 30;
let readLoop: (() => Promise<LoopState>) | undefined;
let looking: Promise<void> | undefined;
/** All gauges of a scrape share one look. */
const collect = async (): Promise<void> => {
  looking ??= look().finally(() => {
    looking = undefined;
  });
  await looking;
};

const currentLabels = new Gauge({
  name: 'florilegium_curation_current_labels',
  help: 'Pages by their current label',
  labelNames: ['label'],
  collect,
});
const iterationLabels = new Gauge({
  name: 'florilegium_curation_iteration_labels',
  help: 'Labels in the label set of an iteration, of the newest iterations',
  labelNames: ['iteration', 'label'],
  collect,
});
const iterationFigures = new Gauge({
  name: 'florilegium_curation_iteration_figure',
  help: 'Figures of an iteration, of the newest: mean_entropy (nats), mean_disagreement, change_of_mind, kappa, out_of_fold_accuracy, out_of_fold_auc',
  labelNames: ['iteration', 'figure'],
  collect,
});
const listFigures = new Gauge({
  name: 'florilegium_curation_hq_list_figure',
  help: 'Figures of an HQ list, of the newest: pages, precision, precision_low, precision_high, recall',
  labelNames: ['version', 'figure'],
  collect,
});
const iterationsRunning = new Gauge({
  name: 'florilegium_curation_iterations_open',
  help: 'Iterations that are being worked on, by state',
  labelNames: ['state'],
  collect,
});

async function look(): Promise<void> {
  const loop = await readLoop?.().catch(() => undefined);
  if (!loop) return;
  for (const gauge of [iterationLabels, iterationFigures, listFigures, iterationsRunning]) gauge.reset();
  for (const [label, count] of Object.entries(loop.labels)) currentLabels.set({ label }, count);
  for (const state of ['draft', 'frozen', 'training', 'predicting', 'failed'])
    iterationsRunning.set({ state }, loop.iterations.filter((iteration) => iteration.state === state).length);
  for (const { number, counts, curves, outOfFoldScores } of loop.iterations.slice(-shownMax)) {
    const iteration = String(number);
    for (const [label, count] of Object.entries(counts)) iterationLabels.set({ iteration, label }, count);
    const figures = {
      mean_entropy: curves?.meanEntropy,
      mean_disagreement: curves?.meanDisagreement,
      change_of_mind: curves?.changeOfMind,
      kappa: curves?.kappa,
      out_of_fold_accuracy: outOfFoldScores?.accuracy,
      out_of_fold_auc: outOfFoldScores?.auc,
    };
    for (const [figure, value] of Object.entries(figures))
      if (value !== null && value !== undefined) iterationFigures.set({ iteration, figure }, value);
  }
  for (const { version, pageCount, figures } of loop.lists.slice(-shownMax)) {
    const { precision, recall } = figures ?? {};
    const shown = {
      pages: pageCount,
      precision: precision?.estimate,
      precision_low: precision?.low,
      precision_high: precision?.high,
      recall: recall?.estimate,
    };
    for (const [figure, value] of Object.entries(shown))
      if (value !== null && value !== undefined) listFigures.set({ version: String(version), figure }, value);
  }
}

/** Shows where the loop stands, read when the metrics are. */
export const watchLoop = (read: () => Promise<LoopState>): void => {
  readLoop = read;
};
