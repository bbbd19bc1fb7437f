import * as tf from '@tensorflow/tfjs-core';
import { memberProbabilitiesAt } from '../calibrate.ts';
import type { NetworkEnsemble } from '../ensemble.ts';
import { predictNetwork, tensorsOf } from './network.ts';

export interface NetworkPredictor {
  /** Calibrated P(HQ) by every member, row-major [pages, members], of pixels, 3 x side x side bytes a page. */
  predict(pixels: Uint8Array): Float32Array;
  dispose(): void;
}

/** Networks with their weights on the backend, until disposed of. Needs `selectBackend` before. */
export function createNetworkPredictor(ensemble: NetworkEnsemble): NetworkPredictor {
  const { architecture, side, temperature } = ensemble;
  const members = ensemble.members.map((weights) => tensorsOf(architecture, side, weights));
  return {
    predict: (pixels) => {
      const pages = Array.from({ length: Math.floor(pixels.length / (3 * side * side)) }, (_, page) => page);
      const logits = new Float64Array(pages.length * members.length);
      for (const [member, weights] of members.entries()) {
        for (const [page, logit] of predictNetwork(ensemble, weights, pixels, pages).entries())
          logits[page * members.length + member] = logit;
      }
      return memberProbabilitiesAt(logits, temperature);
    },
    dispose: () => tf.dispose(members),
  };
}
