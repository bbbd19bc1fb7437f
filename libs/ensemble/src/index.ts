export type {
  Artifact,
  EnsembleManifest,
  EnsembleOrigin,
  LayersModelJson,
  Manifest,
  MemberSummary,
  MemberToPack,
  NetworkManifest,
  NetworkOrigin,
  UnpackedEnsemble,
} from './artifact.ts';
export {
  artifactKeyOf,
  artifactOf,
  memberWeightsArtifact,
  networkWeightsFile,
  packEnsemble,
  packNetworks,
  readManifest,
  readNetworkManifest,
  readNetworkMember,
  sha256Of,
  unpackAnyEnsemble,
  unpackEnsemble,
} from './artifact.ts';
export type { BackendLog, TensorflowBackend } from './backend.ts';
export { selectBackend, tensorflowBackends } from './backend.ts';
export { chooseTemperature, memberProbabilitiesAt, sigmoid } from './calibrate.ts';
export type { Ensemble, NetworkEnsemble } from './ensemble.ts';
export type { FinetuneParameters } from './finetune-parameters.ts';
export { finetuneDefaults, readFinetuneParameters } from './finetune-parameters.ts';
export type { Folds } from './folds.ts';
export { splitIntoFolds } from './folds.ts';
export { decodeHalfFloats, halfValues, readHalfFloats, toHalf } from './half-floats.ts';
export type { Architecture } from './network/architectures.ts';
export { architectures, weightCountOf } from './network/architectures.ts';
export type { OutOfBagCalibration } from './network/calibrate-networks.ts';
export { calibrateNetworks } from './network/calibrate-networks.ts';
export type { NetworkPredictor } from './network/predict-networks.ts';
export { createNetworkPredictor } from './network/predict-networks.ts';
export type { LabelledImages, NetworkOptions, TrainedNetwork } from './network/train-network.ts';
export { trainNetwork } from './network/train-network.ts';
export type { MemberPages } from './out-of-bag.ts';
export { dealingName, findColdStartReason, pagesOfMember } from './out-of-bag.ts';
export type { OutOfFoldPage } from './out-of-fold.ts';
export { decodeOutOfFold, encodeOutOfFold, outOfBagPageOf, outOfFoldPageOf } from './out-of-fold.ts';
export { predict, predictLogits } from './predict.ts';
export type { Calibration, L2Choice, MemberOptions, TrainedMember } from './probe.ts';
export { calibrateEnsemble, chooseL2, trainMember } from './probe.ts';
export type { ProbeParameters } from './probe-parameters.ts';
export { l2Grid, probeDefaults, readProbeParameters } from './probe-parameters.ts';
export type { Scores } from './scores.ts';
export { aucOf, logLossOf, scoresOf } from './scores.ts';
export type { LinearHead } from './standardisation.ts';
export type { LabelledPages, PageLabel, TrainingSet } from './training-set.ts';
export { checkLabels, checkTrainingSet } from './training-set.ts';
export type { PageUncertainty } from './uncertainty.ts';
export { disagreementOf, entropyOf, isHqAt, meanOf, mutualInformationOf, uncertaintyOf } from './uncertainty.ts';
export type { PageToAsk } from './worth.ts';
export { labelConfidenceOf, orderByDiverseWorth, pageWorthOf } from './worth.ts';
