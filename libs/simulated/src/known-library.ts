import {
  createSimulatedCurator,
  type SimulatedCurator,
  type SimulatedCuratorOptions,
} from './curator/simulated-curator.ts';
import { type ColouredShareAucOptions, colouredShareAuc } from './measures/coloured-share.ts';
import { type HeldoutScores, heldoutScores } from './measures/scores.ts';
import { readTruth } from './truth.ts';

/** A library whose truth is known, for who runs a job on it: the curator who labels and the measures know it, the job does not. */
export interface KnownLibrary {
  curator(options: Omit<SimulatedCuratorOptions, 'truth'>): SimulatedCurator;
  heldoutScores(predictions: Iterable<{ pageId: number; mean: number }>): HeldoutScores;
  colouredShareAuc(pages: ColouredShareAucOptions['pages']): Promise<number>;
}

/** Opens the truth of the library in `dir`; rejects with ENOENT where it has none. */
export async function openKnownLibrary(dir: string): Promise<KnownLibrary> {
  const truth = await readTruth(dir);
  return {
    curator: (options) => createSimulatedCurator({ ...options, truth }),
    heldoutScores: (predictions) => heldoutScores(predictions, truth),
    colouredShareAuc: (pages) => colouredShareAuc({ library: dir, pages, truth }),
  };
}
