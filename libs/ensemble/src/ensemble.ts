import type { LinearHead } from './standardisation.ts';

/** An ensemble ready to predict: linear heads on raw embeddings of one backbone. */
export interface Ensemble {
  dims: number;
  temperature: number;
  members: readonly LinearHead[];
}
