import type { RunState } from '@florilegium/contracts/run';
import type { TrainerServiceImplementation, Training as TrainingMessage } from '@florilegium/contracts/trainer';
import { parseParameters, type Training, type TrainingState } from '../domain/training.ts';
import { cancelTraining } from '../usecases/end-training.ts';
import { followTraining, getTraining } from '../usecases/read-trainings.ts';
import { type StartTrainingDeps, startTraining } from '../usecases/start-training.ts';

export function trainerGrpc(deps: StartTrainingDeps): TrainerServiceImplementation {
  return {
    startTraining: async ({ labelSetId, method, parametersJson, parentEnsembleId }) => {
      const parameters = parseParameters(parametersJson);
      const wish = { labelSetId, method: method || 'probe', parameters, parentEnsembleId: parentEnsembleId || null };
      return { training: messageOf(await startTraining(deps, wish, null)) };
    },
    getTraining: async ({ trainingId }) => ({ training: messageOf(await getTraining(deps, trainingId)) }),
    cancelTraining: async ({ trainingId }) => {
      const { id } = await getTraining(deps, trainingId);
      return { training: messageOf(await cancelTraining(deps, id)) };
    },
    async *followTraining({ trainingId }, { signal }) {
      for await (const news of followTraining(deps, trainingId, signal)) {
        if (news.kind === 'training') yield { training: messageOf(news.training) };
      }
    },
  };
}

const runStates: Record<TrainingState, RunState> = {
  pending: 'RUN_STATE_PENDING',
  running: 'RUN_STATE_RUNNING',
  done: 'RUN_STATE_DONE',
  failed: 'RUN_STATE_FAILED',
  cancelled: 'RUN_STATE_CANCELLED',
};

function messageOf(training: Training): TrainingMessage {
  const scores = training.result?.scores;
  return {
    run: {
      id: training.id,
      state: runStates[training.state],
      doneCount: training.membersDone,
      totalCount: training.memberCount,
      reason: training.reason ?? '',
      createdAt: training.createdAt,
      startedAt: training.startedAt ?? undefined,
      endedAt: training.endedAt ?? undefined,
    },
    labelSetId: training.labelSetId,
    iterationId: training.iterationId ?? '',
    method: training.method,
    parametersJson: JSON.stringify(training.parameters),
    parentEnsembleId: training.parentEnsembleId ?? '',
    ensembleId: training.state === 'done' ? training.ensembleId : '',
    phase: training.phase,
    memberCount: training.memberCount,
    membersDone: training.membersDone,
    backboneName: training.backbone?.name ?? '',
    tensorflowBackend: training.tensorflowBackend ?? '',
    scores: scores && { accuracy: scores.accuracy, auc: scores.auc, logLoss: scores.logLoss, pageCount: scores.pages },
    droppedPageCount: training.droppedPageCount,
  };
}
