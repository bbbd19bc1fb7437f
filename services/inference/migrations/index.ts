import type { Migration } from 'kysely/migration';
import * as createInference from './20261123T1900-create-inference.ts';
import * as addRequestId from './20261123T2245-add-request-id.ts';
import * as recordMethod from './20261123T2300-record-method.ts';
import { bePatient } from './20261128T1700-be-patient.ts';

/** In the order of their names; merged ones are frozen. */
export const migrations: Record<string, Migration> = {
  '20261123T1900-create-inference': createInference,
  '20261123T2245-add-request-id': addRequestId,
  '20261123T2300-record-method': recordMethod,
  '20261128T1700-be-patient': bePatient,
};
