import { createFetcher } from './20261123T2000-create-fetcher.ts';
import { pauseAndDemand } from './20261123T2130-pause-and-demand.ts';
import { addRequestId } from './20261123T2245-add-request-id.ts';
import { idsAndCounts } from './20261123T2320-ids-and-counts.ts';
import { bePatient } from './20261128T1700-be-patient.ts';
import { corruptRounds } from './20261128T1700-corrupt-rounds.ts';

/** In the order of their names; those that are merged stay as they are. */
export const migrations = {
  '20261123T2000-create-fetcher': createFetcher,
  '20261123T2130-pause-and-demand': pauseAndDemand,
  '20261123T2245-add-request-id': addRequestId,
  '20261123T2320-ids-and-counts': idsAndCounts,
  '20261128T1700-be-patient': bePatient,
  '20261128T1700-corrupt-rounds': corruptRounds,
};
