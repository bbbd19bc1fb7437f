import { createTrainer } from './20261123T2000-create-trainer.ts';
import { trainNetworks } from './20261123T2230-train-networks.ts';
import { addRequestId } from './20261123T2245-add-request-id.ts';
import { bePatient } from './20261128T1700-be-patient.ts';

/** In the order of their names; those that are merged stay as they are. */
export const migrations = {
  '20261123T2000-create-trainer': createTrainer,
  '20261123T2230-train-networks': trainNetworks,
  '20261123T2245-add-request-id': addRequestId,
  '20261128T1700-be-patient': bePatient,
};
