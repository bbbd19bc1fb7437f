import type {
  PredictionQuery as ContractPredictionQuery,
  PredictionRun as ContractPredictionRun,
  TriageClass as ContractTriageClass,
  Decision,
  InferenceServiceImplementation,
} from '@florilegium/contracts/inference';
import type { RunState as ContractRunState } from '@florilegium/contracts/run';
import type { CatalogClient } from '../clients/catalog.client.ts';
import type { EmbeddingShards } from '../clients/embedding-shards.client.ts';
import type { FetcherClient } from '../clients/fetcher.client.ts';
import { type PredictionRun, type RunState, selectionOf } from '../domain/prediction-run.ts';
import type { RecordedBackbone } from '../repos/backbones.repo.ts';
import type { RootStore } from '../store.ts';
import { cancelPredictionRun } from '../usecases/cancel-prediction-run.ts';
import { getPredictionRun } from '../usecases/get-prediction-run.ts';
import type { PredictionQuery } from '../usecases/prediction-query.ts';
import { startPredictionRun } from '../usecases/start-prediction-run.ts';
import { streamEmbeddings } from '../usecases/stream-embeddings.ts';
import { streamPredictions } from '../usecases/stream-predictions.ts';

export interface InferenceGrpcDeps {
  store: RootStore;
  catalog: CatalogClient;
  fetcher: FetcherClient;
  shards: EmbeddingShards;
  backbone: RecordedBackbone;
  /** Why the default backbone is not the one that serves. */
  backboneNote: string;
}

export function inferenceGrpc(deps: InferenceGrpcDeps): InferenceServiceImplementation {
  const { store, backbone, backboneNote } = deps;
  return {
    getBackbone: async () => {
      const { name, sha256, dimensions } = backbone;
      const { embedded } = await store.embeddings.countEmbeddings(backbone.id);
      return { backbone: { name, sha256, dimensions, note: backboneNote }, embeddedCount: embedded };
    },
    streamEmbeddings: async function* ({ pageIds, backboneSha256 }) {
      for await (const part of streamEmbeddings(deps, { pageIds, backboneSha256: backboneSha256 || undefined }))
        yield {
          pageIds: part.embeddings.map(({ pageId }) => pageId),
          values: Buffer.concat(part.embeddings.map(({ halves }) => halves)),
          dimensions: part.backbone.dimensions,
          pendingPageIds: part.pendingPageIds,
          unavailablePageIds: part.unavailablePageIds,
          backboneSha256: part.backbone.sha256,
          backboneName: part.backbone.name,
        };
    },
    startPredictionRun: async ({ ensembleId, selection, idempotencyKey }) => {
      const selected = selectionOf(
        selection?.$case === 'pageSetId' ? selection.value : undefined,
        selection?.$case === 'rule' ? selection.value : undefined,
      );
      const run = await startPredictionRun(deps, {
        ensembleId,
        selection: selected,
        idempotencyKey: idempotencyKey || undefined,
      });
      return { predictionRun: toContract(run) };
    },
    getPredictionRun: async ({ runId }) => ({ predictionRun: toContract(await getPredictionRun(store, runId)) }),
    cancelPredictionRun: async ({ runId }) => ({ predictionRun: toContract(await cancelPredictionRun(deps, runId)) }),
    streamPredictions: async function* ({ runId, afterPageId, query }) {
      for await (const predictions of streamPredictions(store, {
        runId,
        afterPageId,
        query: query && fromContract(query),
      }))
        yield { predictions };
    },
  };
}

const decisions = {
  DECISION_UNSPECIFIED: undefined,
  DECISION_HQ: 'HQ',
  DECISION_LQ: 'LQ',
} as const satisfies Record<Decision, PredictionQuery['decision']>;

const triageClasses = {
  TRIAGE_CLASS_UNSPECIFIED: undefined,
  TRIAGE_CLASS_A: 'A',
  TRIAGE_CLASS_B: 'B',
  TRIAGE_CLASS_C: 'C',
  TRIAGE_CLASS_D: 'D',
} as const satisfies Record<ContractTriageClass, PredictionQuery['triageClass']>;

function fromContract({ decision, triageClass, ...bounds }: ContractPredictionQuery): PredictionQuery {
  return { ...bounds, decision: decisions[decision], triageClass: triageClasses[triageClass] };
}

const contractStates = {
  pending: 'RUN_STATE_PENDING',
  running: 'RUN_STATE_RUNNING',
  done: 'RUN_STATE_DONE',
  failed: 'RUN_STATE_FAILED',
  cancelled: 'RUN_STATE_CANCELLED',
} as const satisfies Record<RunState, ContractRunState>;

function toContract(run: PredictionRun): ContractPredictionRun {
  return {
    run: {
      id: run.id,
      state: contractStates[run.state],
      doneCount: run.doneCount,
      totalCount: run.totalCount,
      reason: run.reason,
      createdAt: run.createdAt,
      startedAt: run.startedAt ?? undefined,
      endedAt: run.endedAt ?? undefined,
    },
    ensembleId: run.ensembleId,
    pageSetId: run.selection.kind === 'page-set' ? run.selection.pageSetId : '',
    rule: run.selection.kind === 'rule' ? run.selection.rule : '',
    predictedCount: run.predictedCount,
    noImageCount: run.noImageCount,
  };
}
