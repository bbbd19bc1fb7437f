import { type Kysely, type Selectable, sql } from 'kysely';
import type { Backbone, DroppedPage, MemberRecord, StoredFile, Training, TrainingResult } from '../domain/training.ts';
import type { Schema, TrainingTable } from '../schema.ts';

export interface NewTraining {
  id: string;
  ensembleId: string;
  requestKey: string | null;
  labelSetId: string;
  iterationId: string | null;
  method: string;
  parameters: object;
  parametersSha256: string;
  parentEnsembleId: string | null;
  memberCount: number;
  /** A training that cannot be begins at its end. */
  ended?: { state: 'failed' | 'cancelled'; reason: string };
}

export interface Preparation {
  labelSetSha256: string;
  pageCount: number;
  dropped: DroppedPage[];
  dataset: StoredFile;
  images: StoredFile | null;
  backbone: Backbone;
  /** Null where nothing was multiplied yet. */
  tensorflowBackend: string | null;
  l2: number | null;
  l2Tried: { l2: number; logLoss: number }[];
}

export interface Epoch {
  member: number;
  epoch: number;
  loss: number;
  /** On pages that tell when to stop; null where there are none. */
  stopLoss: number | null;
}

/** How many of the dropped pages a training names. */
const droppedPagesMax = 100;

export interface TrainingsRepo {
  /** False when one like it counts already, or its request key was used. */
  insertTraining(training: NewTraining): Promise<boolean>;
  findTraining(id: string): Promise<Training | undefined>;
  findByRequestKey(requestKey: string): Promise<Training | undefined>;
  /** The pending, running or done training of a wish. */
  findWanted(labelSetId: string, method: string, parametersSha256: string): Promise<Training | undefined>;
  findByEnsemble(ensembleId: string): Promise<Training | undefined>;
  findOpenOfIteration(iterationId: string): Promise<Training[]>;
  /** Newest first, those before `beforeId`. */
  listTrainings(beforeId: string | undefined, limit: number): Promise<Training[]>;
  bindToIteration(id: string, iterationId: string): Promise<void>;
  /** The training, now running; undefined when it has ended. */
  markRunning(id: string): Promise<Training | undefined>;
  recordPreparation(id: string, preparation: Preparation): Promise<void>;
  markFinishing(id: string): Promise<void>;
  recordMember(id: string, member: MemberRecord): Promise<void>;
  /** In member order. */
  listMembers(id: string): Promise<MemberRecord[]>;
  recordResult(id: string, result: TrainingResult): Promise<void>;
  /** False when it has ended already. */
  endTraining(id: string, state: 'failed' | 'cancelled', reason: string | null): Promise<boolean>;
  recordEpochs(id: string, epochs: readonly Epoch[]): Promise<void>;
  listEpochs(id: string, afterSerial: number, limit: number): Promise<(Epoch & { serial: number })[]>;
  /** Until the transaction ends, nobody else decides about the iteration: it is frozen and cancelled by events in any order, at any time. */
  lockIteration(iterationId: string): Promise<void>;
  noteCancelledIteration(iterationId: string): Promise<void>;
  isCancelledIteration(iterationId: string): Promise<boolean>;
  /** Those of the trainings that have ended; ids that are not known are left out. */
  findEnded(ids: readonly string[]): Promise<string[]>;
  /**
   * Trainings that failed or were cancelled so long ago, with their members' weights that no other training wants; none while any is open: it
   * may come to the very same weights, whose key is their hash, at any moment.
   */
  findUselessWeights(endedBefore: Date, limit: number): Promise<{ id: string; keys: string[] }[]>;
  markWeightsCleared(ids: readonly string[]): Promise<void>;
}

export function trainingsRepo(kysely: Kysely<Schema>): TrainingsRepo {
  const trainings = kysely.selectFrom('training').selectAll('training').select(
    // Five members at most a few times a second: counting them costs nothing and cannot drift.
    sql<number>`(select count(*)::int from training_member where training_id = training.id)`.as('members_done'),
  );
  const one = async (query: typeof trainings) => {
    const row = await query.executeTakeFirst();
    return row && trainingOf(row);
  };
  const open = ['pending', 'running'] as const;
  return {
    insertTraining: async ({ ended, ...training }) => {
      const rows = await kysely
        .insertInto('training')
        .values({
          id: training.id,
          ensemble_id: training.ensembleId,
          request_key: training.requestKey,
          label_set_id: training.labelSetId,
          iteration_id: training.iterationId,
          method: training.method,
          parameters: JSON.stringify(training.parameters),
          parameters_sha256: training.parametersSha256,
          parent_ensemble_id: training.parentEnsembleId,
          member_count: training.memberCount,
          ...(ended && { state: ended.state, reason: ended.reason, ended_at: new Date() }),
        })
        .onConflict((conflict) => conflict.doNothing())
        .returning('id')
        .execute();
      return rows.length > 0;
    },
    findTraining: (id) => one(trainings.where('id', '=', id)),
    findByRequestKey: (requestKey) => one(trainings.where('request_key', '=', requestKey)),
    findWanted: (labelSetId, method, parametersSha256) =>
      one(
        trainings
          .where('label_set_id', '=', labelSetId)
          .where('method', '=', method)
          .where('parameters_sha256', '=', parametersSha256)
          .where('state', 'in', ['pending', 'running', 'done']),
      ),
    findByEnsemble: (ensembleId) => one(trainings.where('ensemble_id', '=', ensembleId)),
    findOpenOfIteration: async (iterationId) =>
      (await trainings.where('iteration_id', '=', iterationId).where('state', 'in', open).execute()).map(trainingOf),
    listTrainings: async (beforeId, limit) => {
      const page = trainings.orderBy('id', 'desc').limit(limit);
      return (await (beforeId ? page.where('id', '<', beforeId) : page).execute()).map(trainingOf);
    },
    bindToIteration: async (id, iterationId) => {
      await kysely.updateTable('training').set({ iteration_id: iterationId }).where('id', '=', id).execute();
    },
    markRunning: async (id) => {
      const rows = await kysely
        .updateTable('training')
        .set({ state: 'running', started_at: sql`coalesce(started_at, now())` })
        .where('id', '=', id)
        .where('state', 'in', open)
        .returning('id')
        .execute();
      return rows.length > 0 ? await one(trainings.where('id', '=', id)) : undefined;
    },
    recordPreparation: async (id, preparation) => {
      await kysely
        .updateTable('training')
        .set({
          phase: 'members',
          label_set_sha256: preparation.labelSetSha256,
          page_count: preparation.pageCount,
          dropped_page_count: preparation.dropped.length,
          dropped_pages: JSON.stringify(preparation.dropped.slice(0, droppedPagesMax)),
          dataset_key: preparation.dataset.key,
          dataset_sha256: preparation.dataset.sha256,
          images_key: preparation.images?.key ?? null,
          images_sha256: preparation.images?.sha256 ?? null,
          backbone_name: preparation.backbone.name,
          backbone_sha256: preparation.backbone.sha256,
          tensorflow_backend: preparation.tensorflowBackend,
          l2: preparation.l2,
          l2_tried: JSON.stringify(preparation.l2Tried),
        })
        .where('id', '=', id)
        .execute();
    },
    markFinishing: async (id) => {
      await kysely.updateTable('training').set({ phase: 'finish' }).where('id', '=', id).execute();
    },
    recordMember: async (id, member) => {
      await kysely
        .insertInto('training_member')
        .values({
          training_id: id,
          number: member.number,
          weights_key: member.weights.key,
          weights_sha256: member.weights.sha256,
          logits_key: member.logits.key,
          logits_sha256: member.logits.sha256,
          loss: member.loss,
          epochs: member.epochs,
          converged: member.converged,
          warm_started: member.warmStarted,
          seconds: member.seconds,
          tensorflow_backend: member.tensorflowBackend,
          attempt: member.attempt,
          resumed_at_step: member.resumedAtStep,
        })
        .execute();
      await kysely
        .updateTable('training')
        .set({ tensorflow_backend: member.tensorflowBackend })
        .where('id', '=', id)
        .execute();
    },
    listMembers: async (id) => {
      const query = kysely.selectFrom('training_member').selectAll().where('training_id', '=', id).orderBy('number');
      return (await query.execute()).map((row) => ({
        number: row.number,
        weights: { key: row.weights_key, sha256: row.weights_sha256 },
        logits: { key: row.logits_key, sha256: row.logits_sha256 },
        loss: row.loss,
        epochs: row.epochs,
        converged: row.converged,
        warmStarted: row.warm_started,
        seconds: row.seconds,
        tensorflowBackend: row.tensorflow_backend,
        attempt: row.attempt,
        resumedAtStep: row.resumed_at_step,
      }));
    },
    recordResult: async (id, { manifest, outOfFold, temperature, scores }) => {
      await kysely
        .updateTable('training')
        .set({
          state: 'done',
          ended_at: sql`now()`,
          manifest_key: manifest.key,
          manifest_sha256: manifest.sha256,
          out_of_fold_key: outOfFold.key,
          out_of_fold_sha256: outOfFold.sha256,
          temperature,
          scores: JSON.stringify(scores),
        })
        .where('id', '=', id)
        .execute();
    },
    endTraining: async (id, state, reason) => {
      const rows = await kysely
        .updateTable('training')
        .set({ state, reason, ended_at: sql`now()` })
        .where('id', '=', id)
        .where('state', 'in', open)
        .returning('id')
        .execute();
      return rows.length > 0;
    },
    recordEpochs: async (id, epochs) => {
      if (epochs.length === 0) return;
      const column = (name: keyof Epoch) => epochs.map((epoch) => epoch[name]);
      // A serial is given when a row is written and seen when its transaction ends: in turns, so that whoever follows from serial to serial
      // passes over no row of another worker. A member that is trained again after a lost worker passes the same epochs again.
      await sql`
        insert into training_epoch (training_id, member, epoch, loss, stop_loss)
        select ${id}::uuid, passed.*
        from (select pg_advisory_xact_lock(hashtextextended(${`epochs of ${id}`}, 0))) as turn,
          unnest(${column('member')}::int[], ${column('epoch')}::int[], ${column('loss')}::float8[], ${column('stopLoss')}::float8[]) as passed
        on conflict do nothing`.execute(kysely);
    },
    listEpochs: (id, afterSerial, limit) =>
      kysely
        .selectFrom('training_epoch')
        .select(['member', 'epoch', 'loss', 'stop_loss as stopLoss', 'serial'])
        .where('training_id', '=', id)
        .where('serial', '>', afterSerial)
        .orderBy('serial')
        .limit(limit)
        .execute(),
    lockIteration: async (iterationId) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`iteration ${iterationId}`}, 0))`.execute(kysely);
    },
    noteCancelledIteration: async (iterationId) => {
      await kysely
        .insertInto('cancelled_iteration')
        .values({ iteration_id: iterationId })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    },
    isCancelledIteration: async (iterationId) => {
      const query = kysely.selectFrom('cancelled_iteration').select('iteration_id');
      return (await query.where('iteration_id', '=', iterationId).execute()).length > 0;
    },
    findEnded: async (ids) => {
      if (ids.length === 0) return [];
      const query = kysely
        .selectFrom('training')
        .select('id')
        .where('id', 'in', [...ids]);
      return (await query.where('state', 'not in', open).execute()).map((row) => row.id);
    },
    findUselessWeights: async (endedBefore, limit) => {
      const { rows } = await sql<{ id: string; keys: string[] }>`
        select training.id, array(
          select weights_key from training_member as own where own.training_id = training.id and not exists (
            select 1 from training_member as other join training as wanting on wanting.id = other.training_id
            where other.weights_key = own.weights_key and wanting.state = 'done')) as keys
        from training
        where state in ('failed', 'cancelled') and not weights_cleared and ended_at <= ${endedBefore}
          and not exists (select 1 from training where state in ('pending', 'running'))
        order by id limit ${limit}`.execute(kysely);
      return rows;
    },
    markWeightsCleared: async (ids) => {
      await kysely
        .updateTable('training')
        .set({ weights_cleared: true })
        .where('id', 'in', [...ids])
        .execute();
    },
  };
}

function trainingOf(row: Selectable<TrainingTable> & { members_done: number }): Training {
  const fileOf = (key: string | null, sha256: string | null) => (key && sha256 ? { key, sha256 } : null);
  const manifest = fileOf(row.manifest_key, row.manifest_sha256);
  const outOfFold = fileOf(row.out_of_fold_key, row.out_of_fold_sha256);
  return {
    id: row.id,
    labelSetId: row.label_set_id,
    iterationId: row.iteration_id,
    method: row.method,
    parameters: row.parameters,
    parentEnsembleId: row.parent_ensemble_id,
    memberCount: row.member_count,
    membersDone: row.members_done,
    state: row.state,
    phase: row.phase,
    reason: row.reason,
    labelSetSha256: row.label_set_sha256,
    pageCount: row.page_count,
    droppedPageCount: row.dropped_page_count,
    droppedPages: row.dropped_pages,
    dataset: fileOf(row.dataset_key, row.dataset_sha256),
    images: fileOf(row.images_key, row.images_sha256),
    backbone:
      row.backbone_name && row.backbone_sha256 ? { name: row.backbone_name, sha256: row.backbone_sha256 } : null,
    tensorflowBackend: row.tensorflow_backend,
    l2: row.l2,
    l2Tried: row.l2_tried ?? [],
    ensembleId: row.ensemble_id,
    result:
      manifest && outOfFold && row.temperature !== null && row.scores !== null
        ? { manifest, outOfFold, temperature: row.temperature, scores: row.scores }
        : null,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}
