import { InferenceServiceDefinition, type PredictionRun } from '@florilegium/contracts/inference';
import { RunState } from '@florilegium/contracts/run';
import { internal } from '@florilegium/errors';
import { createRpcClient } from '@florilegium/rpc';

export interface StartedRun {
  runId: string;
  state: 'going' | 'done' | 'failed' | 'cancelled';
  reason: string;
  predictedCount: number;
  noImageCount: number;
}

export interface PagePredicted {
  pageId: number;
  members: number[];
  mean: number;
  entropy: number;
  disagreement: number;
  mutualInformation: number;
}

export interface InferenceClient {
  /**
   * The same ensemble and selection answer with the same run.
   * @throws failed_precondition while inference has not recorded the ensemble yet
   */
  startPredictionRun(ensembleId: string, selection: { pageSetId: string } | { rule: string }): Promise<StartedRun>;
  getPredictionRun(runId: string): Promise<StartedRun>;
  cancelPredictionRun(runId: string): Promise<void>;
  /** In ascending PageID, up to 500 at a time. */
  streamPredictions(runId: string, signal?: AbortSignal): AsyncIterable<PagePredicted[]>;
  close(): void;
}

export function createInferenceClient({ address, apiKey }: { address: string; apiKey?: string }): InferenceClient {
  const { client, close } = createRpcClient(InferenceServiceDefinition, { address, apiKey });
  return {
    startPredictionRun: async (ensembleId, selection) => {
      const { predictionRun } = await client.startPredictionRun({
        ensembleId,
        selection:
          'rule' in selection
            ? { $case: 'rule', value: selection.rule }
            : { $case: 'pageSetId', value: selection.pageSetId },
      });
      return toStartedRun(predictionRun);
    },
    getPredictionRun: async (runId) => toStartedRun((await client.getPredictionRun({ runId })).predictionRun),
    cancelPredictionRun: async (runId) => {
      await client.cancelPredictionRun({ runId });
    },
    async *streamPredictions(runId, signal) {
      for await (const { predictions } of client.streamPredictions({ runId }, { signal })) yield predictions;
    },
    close,
  };
}

function toStartedRun(run: PredictionRun | undefined): StartedRun {
  if (!run?.run) throw internal('inference answered without a run');
  const { state } = run.run;
  return {
    runId: run.run.id,
    state:
      state === RunState.RUN_STATE_DONE
        ? 'done'
        : state === RunState.RUN_STATE_FAILED
          ? 'failed'
          : state === RunState.RUN_STATE_CANCELLED
            ? 'cancelled'
            : 'going',
    reason: run.run.reason,
    predictedCount: Number(run.predictedCount),
    noImageCount: Number(run.noImageCount),
  };
}
