import type { EventHandlers } from '@florilegium/messaging';
import type { Store } from '../store.ts';
import type { CopyPageSetsDeps } from '../usecases/copy-page-sets.ts';
import { onEnsembleTrained } from './on-ensemble-trained.ts';
import { onPageSetCreated } from './on-page-set-created.ts';
import { onRunCancelled } from './on-run-cancelled.ts';
import { onRunCompleted } from './on-run-completed.ts';
import { onRunFailed } from './on-run-failed.ts';
import { onTrainingCancelled } from './on-training-cancelled.ts';
import { onTrainingFailed } from './on-training-failed.ts';

/** Every event that curation listens to. */
export const eventHandlers = (deps: CopyPageSetsDeps & { store: Store }): EventHandlers => ({
  'catalog.page_set.created': onPageSetCreated(deps),
  'trainer.ensemble.trained': onEnsembleTrained(deps),
  'trainer.training.failed': onTrainingFailed(deps),
  'trainer.training.cancelled': onTrainingCancelled(deps),
  'inference.run.completed': onRunCompleted(deps),
  'inference.run.failed': onRunFailed(deps),
  'inference.run.cancelled': onRunCancelled(deps),
});
