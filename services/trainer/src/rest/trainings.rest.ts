import { type HttpApp, idempotencyKeyOf, sendEvents } from '@florilegium/http';
import { type Static, Type } from 'typebox';
import { type MemberRecord, type Training, trainingPhases, trainingStates, uuidPattern } from '../domain/training.ts';
import { cancelTraining } from '../usecases/end-training.ts';
import { followTraining, getTraining, listMembers, listTrainings } from '../usecases/read-trainings.ts';
import { type StartTrainingDeps, startTraining } from '../usecases/start-training.ts';

const nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const TrainingView = Type.Object({
  id: Type.String(),
  state: Type.Enum([...trainingStates]),
  doneCount: Type.Integer({ description: 'Members trained' }),
  totalCount: Type.Integer({ description: 'Members to train' }),
  reason: nullable(Type.String()),
  createdAt: Type.String(),
  startedAt: nullable(Type.String()),
  endedAt: nullable(Type.String()),
  labelSetId: Type.String(),
  iterationId: nullable(Type.String()),
  method: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  parentEnsembleId: nullable(Type.String()),
  ensembleId: nullable(Type.String({ description: 'Set when done' })),
  phase: Type.Enum([...trainingPhases]),
  memberCount: Type.Integer(),
  membersDone: Type.Integer(),
  backboneName: nullable(Type.String()),
  tensorflowBackend: nullable(Type.String()),
  l2: nullable(Type.Number()),
  temperature: nullable(Type.Number()),
  scores: nullable(
    Type.Object(
      {
        accuracy: Type.Number(),
        auc: Type.Number(),
        logLoss: Type.Number(),
        calibrationError: Type.Number(),
        pageCount: Type.Integer(),
      },
      { description: 'By models that never saw the page’s item: out of fold, or of `finetune` out of bag' },
    ),
  ),
  pageCount: nullable(Type.Integer()),
  droppedPageCount: Type.Integer({ description: 'Labelled pages without an embedding, an image or an item' }),
  droppedPages: Type.Array(Type.Object({ pageId: Type.Integer(), reason: Type.String() }), {
    description: 'The first hundred of them',
  }),
});

const MemberView = Type.Object({
  number: Type.Integer(),
  loss: Type.Number({ description: 'Nats; of `finetune`, on the pages that tell when to stop' }),
  epochs: Type.Integer(),
  converged: Type.Boolean(),
  warmStarted: Type.Boolean(),
  seconds: Type.Number(),
  tensorflowBackend: Type.String(),
  attempt: Type.Integer({ description: 'Above 1 when a worker was lost on the way' }),
  resumedAtStep: Type.Integer({ description: 'Steps that a checkpoint had done already' }),
  weightsKey: Type.String(),
  weightsSha256: Type.String(),
});

const Id = Type.Object({ id: Type.String({ maxLength: 100 }) });

export function addTrainingRoutes(app: HttpApp, deps: StartTrainingDeps): void {
  app.post(
    '/v1/trainings',
    {
      config: { role: 'operator' },
      schema: {
        summary: 'Train an ensemble on a frozen label set',
        description:
          'The same label set, method and parameters answer with the same training, unless it failed or was cancelled.',
        body: Type.Object(
          {
            labelSetId: Type.String({ minLength: 1, maxLength: 100 }),
            method: Type.Optional(Type.String({ maxLength: 40, description: '`probe` when absent, or `finetune`' })),
            parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
            parentEnsembleId: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
          },
          { additionalProperties: false },
        ),
        response: { 202: TrainingView },
      },
    },
    async (request, reply) => {
      const { labelSetId, method = 'probe', parameters = {}, parentEnsembleId = null } = request.body;
      const key = idempotencyKeyOf(request);
      const training = await startTraining(
        deps,
        { labelSetId, method, parameters, parentEnsembleId },
        key ? `rest:${key}` : null,
      );
      return reply.code(202).send(viewOf(training));
    },
  );
  app.get(
    '/v1/trainings',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Trainings, newest first',
        querystring: Type.Object({
          after: Type.Optional(Type.String({ pattern: uuidPattern.source, description: '`next` of the page before' })),
          limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }),
        }),
        response: { 200: Type.Object({ trainings: Type.Array(TrainingView), next: nullable(Type.String()) }) },
      },
    },
    async ({ query: { after, limit } }) => {
      const { trainings, next } = await listTrainings(deps, { after, limit });
      return { trainings: trainings.map(viewOf), next };
    },
  );
  app.get(
    '/v1/trainings/:id',
    { config: { role: 'viewer' }, schema: { summary: 'One training', params: Id, response: { 200: TrainingView } } },
    async ({ params: { id } }) => viewOf(await getTraining(deps, id)),
  );
  app.get(
    '/v1/trainings/:id/members',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'The members that are trained',
        params: Id,
        response: { 200: Type.Object({ members: Type.Array(MemberView) }) },
      },
    },
    async ({ params }) => {
      const { id } = await getTraining(deps, params.id);
      return { members: (await listMembers(deps, id)).map(memberViewOf) };
    },
  );
  app.get(
    '/v1/trainings/:id/events',
    {
      config: { role: 'viewer' },
      schema: {
        summary: 'Follow a training',
        description:
          'Server-sent events: `progress` with the training each time it changes, `epoch` with `{member, epoch, loss, stopLoss}` for every epoch from the first on.',
        params: Id,
      },
    },
    async (request, reply) => {
      const { id } = await getTraining(deps, request.params.id);
      await sendEvents(request, reply, async function* (signal) {
        for await (const news of followTraining(deps, id, signal)) {
          yield news.kind === 'epoch'
            ? { event: 'epoch', data: news.epoch }
            : { event: 'progress', data: viewOf(news.training) };
        }
      });
    },
  );
  app.post(
    '/v1/trainings/:id/cancel',
    {
      config: { role: 'operator' },
      schema: { summary: 'Cancel a training', params: Id, response: { 202: TrainingView } },
    },
    async ({ params: { id } }, reply) => {
      await getTraining(deps, id);
      return reply.code(202).send(viewOf(await cancelTraining(deps, id)));
    },
  );
}

function viewOf(training: Training): Static<typeof TrainingView> {
  const { result } = training;
  const scores = result && {
    accuracy: result.scores.accuracy,
    auc: result.scores.auc,
    logLoss: result.scores.logLoss,
    calibrationError: result.scores.calibrationError,
    pageCount: result.scores.pages,
  };
  return {
    id: training.id,
    state: training.state,
    doneCount: training.membersDone,
    totalCount: training.memberCount,
    reason: training.reason,
    createdAt: training.createdAt.toISOString(),
    startedAt: training.startedAt?.toISOString() ?? null,
    endedAt: training.endedAt?.toISOString() ?? null,
    labelSetId: training.labelSetId,
    iterationId: training.iterationId,
    method: training.method,
    parameters: training.parameters,
    parentEnsembleId: training.parentEnsembleId,
    ensembleId: training.state === 'done' ? training.ensembleId : null,
    phase: training.phase,
    memberCount: training.memberCount,
    membersDone: training.membersDone,
    backboneName: training.backbone?.name ?? null,
    tensorflowBackend: training.tensorflowBackend,
    l2: training.l2,
    temperature: result?.temperature ?? null,
    scores,
    pageCount: training.pageCount,
    droppedPageCount: training.droppedPageCount,
    droppedPages: training.droppedPages,
  };
}

function memberViewOf({ weights, logits: _, ...member }: MemberRecord): Static<typeof MemberView> {
  return { ...member, weightsKey: weights.key, weightsSha256: weights.sha256 };
}
