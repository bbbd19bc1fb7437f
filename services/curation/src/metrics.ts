import { Counter } from 'prom-client';
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
