export type { FaultKind, Faults } from './bhl/faults.ts';
export { faultKinds, parseFaults } from './bhl/faults.ts';
export type { BhlCounters, RequestArrivals } from './bhl/request-counters.ts';
export type { SimulatedBhl, SimulatedBhlOptions } from './bhl/simulated-bhl.ts';
export { startSimulatedBhl } from './bhl/simulated-bhl.ts';
export type {
  CuratorQueue,
  LabelledQueue,
  LabelQueueOptions,
  SimulatedCurator,
  SimulatedCuratorOptions,
} from './curator/simulated-curator.ts';
export { createSimulatedCurator } from './curator/simulated-curator.ts';
export type { KnownLibrary } from './known-library.ts';
export { openKnownLibrary } from './known-library.ts';
export type { LibraryFolder } from './library-folder.ts';
export { openLibraryFolder } from './library-folder.ts';
export type { ColouredShareAucOptions } from './measures/coloured-share.ts';
export { colouredShare, colouredShareAuc } from './measures/coloured-share.ts';
export type { HeldoutScores, Judged } from './measures/scores.ts';
export { accuracy, auc, heldoutScores } from './measures/scores.ts';
export type { DrawSampleLibraryOptions, SampleLibrary } from './sample-library/draw-sample-library.ts';
export { drawSampleLibrary } from './sample-library/draw-sample-library.ts';
export type { TruthLabel } from './truth.ts';
export { readTruth } from './truth.ts';
