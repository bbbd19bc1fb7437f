import {
  type CurationServiceImplementation,
  type DeepPartial,
  type HqList as HqListMessage,
  type Iteration as IterationMessage,
  IterationState,
  Label as LabelMessage,
} from '@florilegium/contracts/curation';
import { failedPrecondition, invalidArgument, notFound } from '@florilegium/errors';
import type { WithPrincipal } from '@florilegium/rpc';
import { isFrozen } from '../domain/hq-list.ts';
import type { IterationState as State } from '../domain/iteration.ts';
import type { Label } from '../domain/label.ts';
import type { TriageRule } from '../domain/triage.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import { type CancelIterationDeps, cancelIteration } from '../usecases/cancel-iteration.ts';
import { type RecordLabelsDeps, recordLabels } from '../usecases/record-labels.ts';
import { startIteration } from '../usecases/start-iteration.ts';

export interface CurationGrpcDeps extends RecordLabelsDeps, CancelIterationDeps {
  triageDefaults: Pick<TriageRule, 'entropyQuantile' | 'randomShare'>;
}

const labelsMax = 500;
const pagesPerMessage = 500;

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

    startIteration: async ({ method, parametersJson, idempotencyKey }, { principal }) => ({
      iteration: toIterationMessage(
        await startIteration(deps, {
          method: method || 'probe',
          parameters: parseParameters(parametersJson),
          triageRule: { ...triageDefaults, entropyThreshold: null },
          by: principal.name,
          idempotencyKey: idempotencyKey || undefined,
        }),
      ),
    }),

    getIteration: async ({ number }) => {
      const iteration = await store.iterations.find(number);
      if (!iteration) throw notFound('iteration', number);
      return { iteration: toIterationMessage(iteration) };
    },

    cancelIteration: async ({ number }) => ({ iteration: toIterationMessage(await cancelIteration(deps, number)) }),

    listHqLists: async () => ({ hqLists: (await store.hqLists.list()).map(toHqListMessage) }),

    async *streamHqList({ version, afterPageId }) {
      const list = await store.hqLists.find(version);
      if (!list) throw notFound('HQ list', version);
      if (!isFrozen(list.state)) throw failedPrecondition(`list ${version} is ${list.state}: it has no pages to read`);
      for (let after = afterPageId; ; ) {
        const pages = await store.hqLists.readPages(list.id, after, pagesPerMessage);
        if (pages.length === 0) return;
        yield { pages: pages.map(({ pageId, probability }) => ({ pageId, probability })) };
        after = pages.at(-1)!.pageId;
      }
    },
  };
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
    threshold: list.threshold,
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
  };
}
