import * as createCatalog from './20261123T1900-create-catalog.ts';
import * as addStoriesAndRules from './20261123T2100-add-stories-and-rules.ts';
import * as addRequestId from './20261123T2245-add-request-id.ts';
import * as addJudgedToCandidateRule from './20261128T1700-add-judged-to-candidate-rule.ts';
import { bePatient } from './20261128T1700-be-patient.ts';
import * as addOutsideTypeCounts from './20261128T1710-add-outside-type-counts.ts';

/** By name, in their order; frozen once merged. */
export const migrations = {
  '20261123T1900-create-catalog': createCatalog,
  '20261123T2100-add-stories-and-rules': addStoriesAndRules,
  '20261123T2245-add-request-id': addRequestId,
  '20261128T1700-add-judged-to-candidate-rule': addJudgedToCandidateRule,
  '20261128T1700-be-patient': bePatient,
  '20261128T1710-add-outside-type-counts': addOutsideTypeCounts,
};
