import type { Architecture } from './network/architectures.ts';
import type { LinearHead } from './standardisation.ts';

/** An ensemble ready to predict: linear heads on raw embeddings of one backbone. */
export interface Ensemble {
  dims: number;
  temperature: number;
  members: readonly LinearHead[];
}

/** Networks ready to predict: weights of each member in the order of `weightSpecsOf`. */
export interface NetworkEnsemble {
  architecture: Architecture;
  /** Pixels of the square that pages are squashed to. */
  side: number;
  temperature: number;
  members: readonly Float32Array[];
}
