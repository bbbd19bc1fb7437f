import type { Migration } from 'kysely/migration';
import * as createCuration from './20261123T2000-create-curation.ts';
import * as createEndedRun from './20261123T2040-create-ended-run.ts';
import * as indexCurrentLabel from './20261123T2100-index-current-label.ts';

export const migrations: Record<string, Migration> = {
  '20261123T2000-create-curation': createCuration,
  '20261123T2040-create-ended-run': createEndedRun,
  '20261123T2100-index-current-label': indexCurrentLabel,
};
