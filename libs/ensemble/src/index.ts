export type {
  Artifact,
  EnsembleManifest,
  EnsembleOrigin,
  LayersModelJson,
  MemberSummary,
  MemberToPack,
} from './artifact.ts';
export {
  artifactKeyOf,
  artifactOf,
  memberWeightsArtifact,
  packEnsemble,
  sha256Of,
  unpackEnsemble,
} from './artifact.ts';
export type { BackendLog, TensorflowBackend } from './backend.ts';
export { selectBackend, tensorflowBackends } from './backend.ts';
export { chooseTemperature, memberProbabilitiesAt, sigmoid } from './calibrate.ts';
export type { Ensemble } from './ensemble.ts';
export type { Folds, LabelledItems } from './folds.ts';
export { splitIntoFolds } from './folds.ts';
export { decodeHalfFloats } from './half-floats.ts';
export type { OutOfFoldPage } from './out-of-fold.ts';
export { decodeOutOfFold, encodeOutOfFold, outOfFoldPageOf } from './out-of-fold.ts';
export { predict, predictLogits } from './predict.ts';
export type { Calibration, L2Choice, MemberOptions, TrainedMember } from './probe.ts';
export { calibrateEnsemble, chooseL2, trainMember } from './probe.ts';
export type { ProbeParameters } from './probe-parameters.ts';
export { l2Grid, probeDefaults, readProbeParameters } from './probe-parameters.ts';
export type { Scores } from './scores.ts';
export { aucOf, logLossOf, scoresOf } from './scores.ts';
export type { LinearHead } from './standardisation.ts';
export type { PageLabel, TrainingSet } from './training-set.ts';
export { checkTrainingSet } from './training-set.ts';
export type { PageUncertainty } from './uncertainty.ts';
export { disagreementOf, entropyOf, isHqAt, meanOf, mutualInformationOf, uncertaintyOf } from './uncertainty.ts';
export type { PageToAsk } from './worth.ts';
export { labelConfidenceOf, orderByDiverseWorth, pageWorthOf } from './worth.ts';
