// What the REST API answers, as far as the views read it. The whole of it: /docs.

export type Label = 'HQ' | 'LQ' | 'NOT_SURE';
export const labels: readonly Label[] = ['HQ', 'LQ', 'NOT_SURE'];
export const labelTitles: Record<Label, string> = { HQ: 'HQ', LQ: 'LQ', NOT_SURE: 'Not sure' };

export type RunState = 'pending' | 'running' | 'paused' | 'done' | 'failed' | 'cancelled';

export interface Run {
  id: string;
  state: RunState;
  doneCount: number;
  totalCount: number;
  reason: string | null;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
}

export interface ImportRun extends Run {
  source: string;
  withNames: boolean;
  phase: string;
  bytesPerSecond: number;
  rowsPerSecond: number;
  secondsLeft: number | null;
  rowCount: number;
  pageCount: number;
  keptPageCount: number;
  badLineCount: number;
  candidateCounts: Record<string, number>;
}

export interface FetchRun extends Run {
  size: string;
  pageSetId: string | null;
  rule: string | null;
  storedCount: number;
  failedCount: number;
  fetchedCount: number;
  bytes: number;
  imagesPerSecond: number;
  bytesPerSecond: number;
  secondsLeft: number | null;
}

export interface PredictionRun extends Run {
  ensembleId: string;
  pageSetId: string | null;
  rule: string | null;
  predictedCount: number;
  noImageCount: number;
}

export interface Scores {
  accuracy: number;
  auc: number;
  logLoss: number;
  pageCount: number;
}

export interface Training extends Run {
  labelSetId: string;
  iterationId: string | null;
  method: string;
  phase: string;
  memberCount: number;
  membersDone: number;
  backboneName: string | null;
  tensorflowBackend: string | null;
  scores: (Scores & { calibrationError: number }) | null;
  pageCount: number | null;
  droppedPageCount: number;
}

export interface PageSet {
  id: string;
  name: string;
  rule: string;
  seed: number;
  countMax: number;
  shareMax: number;
  wholeItems: boolean;
  pageCount: number;
  itemCount: number;
  createdAt: string;
}

/** The sets that the loop needs. */
export const pageSetNames = ['heldout', 'stop', 'train', 'unlabelled'] as const;

export type IterationState =
  | 'draft'
  | 'frozen'
  | 'training'
  | 'predicting'
  | 'review'
  | 'closed'
  | 'failed'
  | 'cancelled';

interface Curve {
  pageCount: number;
  meanEntropy: number | null;
  meanDisagreement: number | null;
  hqShare: number | null;
  changeOfMind: number | null;
  changeOfMindByMember: number[] | null;
}

export interface Iteration {
  id: string;
  number: number;
  state: IterationState;
  reason: string | null;
  labelCount: number;
  counts: Record<Label, number>;
  ensembleId: string | null;
  backboneName: string | null;
  method: string;
  parameters: Record<string, unknown>;
  entropyThreshold: number | null;
  triage: Record<string, number> | null;
  curves: {
    meanEntropy: number | null;
    meanDisagreement: number | null;
    changeOfMind: number | null;
    kappa: number | null;
    kappaLow: number | null;
    kappaHigh: number | null;
    fChangeBound: number | null;
    bySet: { unlabelled: Curve; stop: Curve };
  } | null;
  verdict: { decision: 'continue' | 'may stop' | 'stop'; reason: string } | null;
  predictionRuns: Record<string, string>;
  outOfFold: Scores | null;
  createdAt: string;
  endedAt: string | null;
}

export interface HqList {
  id: string;
  version: number;
  state: 'importing' | 'predicting' | 'auditing' | 'published' | 'withdrawn' | 'failed' | 'cancelled';
  reason: string | null;
  origin?: 'published' | 'imported';
  rule: string;
  threshold: number | null;
  targetPrecision?: number | null;
  expectedPrecision?: number | null;
  expectedPrecisionLow?: number | null;
  imagePendingCount?: number | null;
  imageUnavailableCount?: number | null;
  iteration: number | null;
  modelSha256: string | null;
  labelSetSha256: string | null;
  pagesSha256: string | null;
  pageCount: number | null;
  labelledHqCount: number | null;
  candidateCount: number | null;
  noImageCount: number | null;
  auditCount: number;
  auditedCount: number;
  audited: boolean;
  precision: number | null;
  precisionLow: number | null;
  precisionHigh: number | null;
  recall: number | null;
  recallLow: number | null;
  recallHigh: number | null;
  createdAt: string;
  publishedAt: string | null;
}

export interface LabelSummary {
  pages: number;
  events: number;
  byLabel: Record<Label, number>;
  askedCount: number;
  byQueue: Record<string, number>;
  /** What the next label set would hold. */
  trainable: Record<Label, number>;
}

export type QueueName = 'initial' | 'review' | 'notsure' | 'misprediction' | 'uncertain' | 'audit';

export interface QueueCount {
  name: QueueName;
  count: number;
  description: string;
}

export interface Prediction {
  members: number[];
  mean: number;
  entropy: number;
  disagreement: number;
  mutualInformation: number;
}

export interface QueuePage {
  pageId: number;
  itemId: number | null;
  reason: string;
  worth?: number;
  triageClass?: string;
  currentLabel?: Label;
  prediction?: Prediction;
}

export interface QueueContent {
  queue: QueueName;
  iteration: number | null;
  pages: QueuePage[];
}

export type Reuse = 'public_domain' | 'attribution' | 'limited' | 'in_copyright' | 'unknown';
export const reuseTitles: Record<Reuse, string> = {
  public_domain: 'Public domain',
  attribution: 'Free with the maker named',
  limited: 'Free within limits',
  in_copyright: 'In copyright',
  unknown: 'Rights unknown',
};

/** A page with its story. */
export interface Story {
  pageId: number;
  itemId: number;
  titleId: number;
  barCode: string;
  sequence: number;
  title: string;
  authors: string;
  publicationDetails: string;
  institution: string;
  year: string;
  volume: string;
  rows: { prefix: string; number: string; typeName: string }[];
  neighbours: { pageId: number; sequence: number }[];
  place: string;
  names: string[];
  parts: { partId: number; title: string; bhlAddress: string }[];
  reuse: Reuse;
  rights: string;
  license: string;
  bhlAddress: string;
  citation: string;
}

export const isRunning = (state: string): boolean => state === 'pending' || state === 'running' || state === 'paused';
export const isIterating = (state: IterationState): boolean =>
  state === 'draft' || state === 'frozen' || state === 'training' || state === 'predicting';

export const queueTitles: Record<QueueName, string> = {
  initial: 'First labels',
  review: 'Review',
  notsure: 'Not sure',
  misprediction: 'Misprediction',
  uncertain: 'Uncertain',
  audit: 'Audit',
};
export const blindQueues: ReadonlySet<string> = new Set(['initial', 'audit']);
