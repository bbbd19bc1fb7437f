import {
  type CurationServiceImplementation,
  type DeepPartial,
  type HqList as HqListMessage,
  type Iteration as IterationMessage,
  IterationState,
  Label as LabelMessage,
} from '@florilegium/contracts/curation';
import { invalidArgument, notFound } from '@florilegium/errors';
import type { WithPrincipal } from '@florilegium/rpc';
import type { IterationState as State } from '../domain/iteration.ts';
import type { Label } from '../domain/label.ts';
import type { TriageRule } from '../domain/triage.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import { type CancelIterationDeps, cancelIteration } from '../usecases/cancel-iteration.ts';
import { closeIteration } from '../usecases/close-iteration.ts';
import { findFrozenList } from '../usecases/find-frozen-list.ts';
import { readDifference } from '../usecases/read-difference.ts';
import { type RecordLabelsDeps, recordLabels } from '../usecases/record-labels.ts';
import { retryIteration } from '../usecases/retry-iteration.ts';
import { startIteration } from '../usecases/start-iteration.ts';

export interface CurationGrpcDeps extends RecordLabelsDeps, CancelIterationDeps {
  triageDefaults: Pick<TriageRule, 'entropyQuantile' | 'randomShare'>;
}

const labelsMax = 500;
const queuePattern = /^[a-z][a-z0-9_-]{0,39}$/;
const pagesPerMessage = 500;
/** Some 60 KB: a list of 100,000 pages is twenty messages. */
const listPagesPerMessage = 5000;

const labelNames: Partial<Record<LabelMessage, Label>> = {
  [LabelMessage.LABEL_HQ]: 'HQ',
  [LabelMessage.LABEL_LQ]: 'LQ',
  [LabelMessage.LABEL_NOT_SURE]: 'NOT_SURE',
};
const labelMessages: Record<Label, LabelMessage> = {
  HQ: LabelMessage.LABEL_HQ,
  LQ: LabelMessage.LABEL_LQ,
  NOT_SURE: LabelMessage.LABEL_NOT_SURE,
};
const states: Record<State, IterationState> = {
  draft: IterationState.ITERATION_STATE_DRAFT,
  frozen: IterationState.ITERATION_STATE_FROZEN,
  training: IterationState.ITERATION_STATE_TRAINING,
  predicting: IterationState.ITERATION_STATE_PREDICTING,
  review: IterationState.ITERATION_STATE_REVIEW,
  closed: IterationState.ITERATION_STATE_CLOSED,
  failed: IterationState.ITERATION_STATE_FAILED,
  cancelled: IterationState.ITERATION_STATE_CANCELLED,
};

export function curationGrpc(deps: CurationGrpcDeps): CurationServiceImplementation<WithPrincipal> {
  const { store, triageDefaults } = deps;
  return {
    recordLabels: async ({ labels, idempotencyKey }, { principal }) => {
      if (labels.length > labelsMax) throw invalidArgument(`at most ${labelsMax} labels a call`, { field: 'labels' });
      checkKey(idempotencyKey);
      for (const [at, { iteration, tookMs, queue }] of labels.entries()) {
        if (queue !== '' && !queuePattern.test(queue))
          throw invalidArgument('is not 1 to 40 of a-z, 0-9, - and _', { field: `labels[${at}].queue` });
        if (iteration < 0) throw invalidArgument('is below 0', { field: `labels[${at}].iteration` });
        if (tookMs < 0) throw invalidArgument('is below 0', { field: `labels[${at}].took_ms` });
      }
      const { recordedCount, refused } = await recordLabels(deps, {
        labels: labels.map(({ pageId, label, iteration, tookMs, queue }) => ({
          pageId,
          label: labelNames[label] ?? label,
          // proto3 cannot tell an absent number from 0; none of these is ever 0.
          iteration: iteration || undefined,
          tookMs: tookMs || undefined,
          queue: queue || undefined,
        })),
        by: principal.name,
        idempotencyKey: idempotencyKey || undefined,
      });
      return {
        recordedCount,
        refused: refused.map(({ index, pageId, message }) => ({ index, pageId, reason: message })),
      };
    },

    async *streamLabelSet({ labelSetId }) {
      const labelSet = await store.labelSets.find(labelSetId);
      if (!labelSet) throw notFound('label set', labelSetId);
      for (let after = 0; ; ) {
        const part = await store.labelSets.readPart(labelSet.id, after, pagesPerMessage);
        if (part.length === 0) return;
        yield {
          labelSetSha256: labelSet.sha256,
          pages: part.map(({ pageId, label }) => ({ pageId, label: labelMessages[label] })),
        };
        after = part.at(-1)!.pageId;
      }
    },

    startIteration: async ({ method, parametersJson, idempotencyKey }, { principal }) => {
      checkKey(idempotencyKey);
      const iteration = await startIteration(deps, {
        method: method || 'probe',
        parameters: parseParameters(parametersJson),
        triageRule: { ...triageDefaults, entropyThreshold: null },
        by: principal.name,
        idempotencyKey: idempotencyKey || undefined,
      });
      return { iteration: toIterationMessage(iteration) };
    },

    getIteration: async ({ number }) => {
      const iteration = await store.iterations.find(number);
      if (!iteration) throw notFound('iteration', number);
      return { iteration: toIterationMessage(iteration) };
    },

    cancelIteration: async ({ number }) => ({ iteration: toIterationMessage(await cancelIteration(deps, number)) }),

    retryIteration: async ({ number }) => ({ iteration: toIterationMessage(await retryIteration(deps, number)) }),

    closeIteration: async ({ number }) => ({ iteration: toIterationMessage(await closeIteration(deps, number)) }),

    listHqLists: async () => ({ hqLists: (await store.hqLists.list()).map(toHqListMessage) }),

    async *streamHqList({ version, afterPageId }) {
      const list = await findFrozenList(store, version);
      for (let after = afterPageId; ; ) {
        const pages = await store.hqLists.readPages(list.id, after, listPagesPerMessage);
        if (pages.length === 0) return;
        yield { pages: pages.map(({ pageId, probability }) => ({ pageId, probability: probability ?? undefined })) };
        after = pages.at(-1)!.pageId;
      }
    },

    async *streamHqListDifference({ fromVersion, toVersion }) {
      const from = await findFrozenList(store, fromVersion);
      const to = await findFrozenList(store, toVersion);
      for await (const { change, pageIds } of readDifference(store, from, to))
        yield change === 'dropped' ? { droppedPageIds: pageIds } : { addedPageIds: pageIds };
    },
  };
}

function checkKey(key: string): void {
  if (key !== '' && !/^[\x21-\x7e]{1,200}$/.test(key))
    throw invalidArgument('is not 1 to 200 printable ASCII characters', { field: 'idempotency_key' });
}

function parseParameters(text: string): Record<string, unknown> {
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidArgument('not JSON', { field: 'parameters_json', cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument('not a JSON object', { field: 'parameters_json' });
  return value as Record<string, unknown>;
}

function toIterationMessage(iteration: Iteration): DeepPartial<IterationMessage> {
  const { HQ, LQ, NOT_SURE } = iteration.counts;
  return {
    id: iteration.id,
    number: iteration.number,
    state: states[iteration.state],
    reason: iteration.reason ?? '',
    labelSetId: iteration.labelSetId ?? '',
    labelCount: HQ + LQ + NOT_SURE,
    ensembleId: iteration.ensembleId ?? '',
    method: iteration.method,
    parametersJson: JSON.stringify(iteration.parameters),
    createdAt: iteration.createdAt,
  };
}

function toHqListMessage(list: HqList): DeepPartial<HqListMessage> {
  const { figures } = list;
  return {
    id: list.id,
    version: list.version,
    state: list.state,
    pageCount: list.pageCount ?? 0,
    threshold: list.threshold ?? undefined,
    audited: figures !== null,
    ...(figures && {
      precision: figures.precision.estimate,
      precisionLow: figures.precision.low,
      precisionHigh: figures.precision.high,
      recall: figures.recall.estimate,
      recallLow: figures.recall.low,
      recallHigh: figures.recall.high,
    }),
    publishedAt: list.publishedAt ?? undefined,
    reason: list.reason ?? '',
    origin: list.origin,
    source: list.source ?? '',
    rule: list.rule,
    ruleSha256: list.ruleSha256 ?? '',
    modelSha256: list.modelSha256 ?? '',
    labelSetSha256: list.labelSetSha256 ?? '',
    pagesSha256: list.pagesSha256 ?? '',
    targetPrecision: list.targetPrecision ?? undefined,
    expectedPrecision: list.expectedPrecision ?? undefined,
    expectedPrecisionLow: list.expectedPrecisionLow ?? undefined,
    imagePendingCount: list.imagePendingCount ?? 0,
    imageUnavailableCount: list.imageUnavailableCount ?? 0,
  };
}
