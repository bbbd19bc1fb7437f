import type { Migration } from 'kysely/migration';
import * as createCuration from './20261123T2000-create-curation.ts';
import * as createEndedRun from './20261123T2040-create-ended-run.ts';
import * as indexCurrentLabel from './20261123T2100-index-current-label.ts';
import * as rememberRequest from './20261123T2200-remember-request.ts';
import * as addRequestId from './20261123T2245-add-request-id.ts';
import * as auditOutside from './20261123T2300-audit-outside.ts';
import * as refuseProposals from './20261123T2310-refuse-proposals.ts';
import * as tellStories from './20261123T2320-tell-stories-of-lists.ts';
import * as stagePageSets from './20261123T2345-stage-page-sets.ts';
import { bePatient } from './20261128T1700-be-patient.ts';
import * as stageUnscored from './20261128T1700-stage-unscored-candidates.ts';
import * as stampLabelEvents from './20261128T1710-stamp-label-events-when-written.ts';
import * as cancelLists from './20261128T1720-cancel-lists.ts';

export const migrations: Record<string, Migration> = {
  '20261123T2000-create-curation': createCuration,
  '20261123T2040-create-ended-run': createEndedRun,
  '20261123T2100-index-current-label': indexCurrentLabel,
  '20261123T2200-remember-request': rememberRequest,
  '20261123T2245-add-request-id': addRequestId,
  '20261123T2300-audit-outside': auditOutside,
  '20261123T2310-refuse-proposals': refuseProposals,
  '20261123T2320-tell-stories-of-lists': tellStories,
  '20261123T2345-stage-page-sets': stagePageSets,
  '20261128T1700-be-patient': bePatient,
  '20261128T1700-stage-unscored-candidates': stageUnscored,
  '20261128T1710-stamp-label-events-when-written': stampLabelEvents,
  '20261128T1720-cancel-lists': cancelLists,
};
