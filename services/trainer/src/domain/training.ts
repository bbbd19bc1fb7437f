import { createHash } from 'node:crypto';
import {
  type FinetuneParameters,
  type ProbeParameters,
  readFinetuneParameters,
  readProbeParameters,
  type Scores,
} from '@florilegium/ensemble/arithmetic';
import { AppError, invalidArgument, messageOf } from '@florilegium/errors';

/**
 * States of a training and the moves between them; `phase` tells how far a running one is.
 *
 *     pending --prepare begins--> running --prepare--> members --the last member--> finish --> done
 *        |                          |  \--a batch gives up--> failed
 *        \----------cancel----------/--> cancelled
 */
export const trainingStates = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type TrainingState = (typeof trainingStates)[number];
export const hasEnded = (state: TrainingState) => state === 'done' || state === 'failed' || state === 'cancelled';

export const trainingPhases = ['prepare', 'members', 'finish'] as const;
export type TrainingPhase = (typeof trainingPhases)[number];

/** Ids of trainings and ensembles; anything else names none. */
export const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The methods that this version trains. */
export const methods = ['probe', 'finetune'] as const;
export type Method = (typeof methods)[number];

export interface Backbone {
  name: string;
  sha256: string;
}

/** A file in the object store, and what it must hash to. */
export interface StoredFile {
  key: string;
  sha256: string;
}

/** A labelled page that trains nothing. */
export interface DroppedPage {
  pageId: number;
  reason: string;
}

export interface Training {
  id: string;
  labelSetId: string;
  iterationId: string | null;
  /** As asked for; one that is not among `methods` only stands in a training that failed at once. */
  method: string;
  parameters: Record<string, unknown>;
  parentEnsembleId: string | null;
  memberCount: number;
  membersDone: number;
  state: TrainingState;
  phase: TrainingPhase;
  reason: string | null;
  labelSetSha256: string | null;
  pageCount: number | null;
  droppedPageCount: number;
  /** The first hundred of them. */
  droppedPages: DroppedPage[];
  /** Pages, items, labels and, for `probe`, embeddings. */
  dataset: StoredFile | null;
  /** For `finetune`: the pixels of the dataset's pages, in its order. */
  images: StoredFile | null;
  backbone: Backbone | null;
  tensorflowBackend: string | null;
  l2: number | null;
  l2Tried: { l2: number; logLoss: number }[];
  /** Given when the training is made, so that finishing twice gives the same ensemble. */
  ensembleId: string;
  result: TrainingResult | null;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}

export interface TrainingResult {
  manifest: StoredFile;
  outOfFold: StoredFile;
  temperature: number;
  scores: Scores;
}

/** A member as it is recorded; weights and out-of-fold logits lie in the object store. */
export interface MemberRecord {
  number: number;
  weights: StoredFile;
  logits: StoredFile;
  loss: number;
  epochs: number;
  converged: boolean;
  warmStarted: boolean;
  seconds: number;
  tensorflowBackend: string;
  /** Claim of the batch that brought it: above 1 when a worker was lost on the way. */
  attempt: number;
  /** Steps that a lost worker's checkpoint had done already. */
  resumedAtStep: number;
}

export interface TrainingWish {
  labelSetId: string;
  method: string;
  parameters: Record<string, unknown>;
  parentEnsembleId: string | null;
}

/** The wish with its parameters completed. Throws invalid_argument naming the field, and the methods there are. */
export function checkWish(
  wish: TrainingWish,
): { method: 'probe'; parameters: ProbeParameters } | { method: 'finetune'; parameters: FinetuneParameters } {
  const method = wish.method || 'probe';
  if (wish.labelSetId === '') throw invalidArgument('labelSetId is empty', { field: 'labelSetId' });
  const known = methods.find((candidate) => candidate === method);
  if (!known) {
    throw invalidArgument(`method ${method} is not available here; there is ${methods.join(', ')}`, {
      field: 'method',
    });
  }
  return known === 'finetune'
    ? { method: known, parameters: readFinetuneParameters(wish.parameters) }
    : { method: known, parameters: readProbeParameters(wish.parameters) };
}

/** A JSON object, or nothing for an empty text. Throws invalid_argument naming the field. */
export function parseParameters(json: string): Record<string, unknown> {
  const field = 'parametersJson';
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw invalidArgument(`is not JSON: ${messageOf(error)}`, { field, cause: error });
  }
  throw invalidArgument('is not a JSON object', { field });
}

/** The same for parameters that mean the same: completed, names in order. */
export function parametersSha256(parameters: object): string {
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const ordered = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(ordered)).digest('hex');
}

/** Whether asking again could never help: what is wrong lies in the request. */
export function isFaultOfRequest(error: unknown): error is AppError {
  return error instanceof AppError && (error.code === 'invalid_argument' || error.code === 'not_found');
}
