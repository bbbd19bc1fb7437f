import type { Authenticator } from '@florilegium/auth';
import { TrainerServiceDefinition } from '@florilegium/contracts/trainer';
import { type Db, startOutboxRelay } from '@florilegium/db';
import type { HttpApp } from '@florilegium/http';
import type { Log } from '@florilegium/log';
import { consumeEvents, type Messaging } from '@florilegium/messaging';
import { startRpcServer } from '@florilegium/rpc';
import type { Lifetime } from '@florilegium/service';
import { startSweeper } from '@florilegium/work';
import { onIterationCancelled } from './events/on-iteration-cancelled.ts';
import { onLabelSetFrozen } from './events/on-label-set-frozen.ts';
import { trainerGrpc } from './grpc/trainer.grpc.ts';
import { addTrainingRoutes } from './rest/trainings.rest.ts';
import type { Schema } from './schema.ts';
import { type Store, service, workKinds } from './store.ts';

export interface ApiDeps {
  store: Store;
  db: Db<Schema>;
  messaging: Messaging;
  authenticator: Authenticator;
  log: Log;
}

export interface GrpcAddress {
  host: string;
  port: number;
}

/** Everything of the role `api`: REST routes on `app`, the outbox relay, the sweeper, events in, gRPC. Gives the port that gRPC is bound to. */
export async function serveApi(
  app: HttpApp,
  deps: ApiDeps,
  { host, port }: GrpcAddress,
  lifetime: Lifetime,
): Promise<number> {
  const { db, messaging, authenticator, log } = deps;
  addTrainingRoutes(app, deps);
  const relay = startOutboxRelay({ db, publish: messaging.publish, log });
  lifetime.onStop('outbox relay', () => relay.stop());
  const sweeper = startSweeper({ service, kinds: workKinds, db, messaging, log });
  lifetime.onStop('sweeper', () => sweeper.stop());
  const handlers = {
    'curation.label_set.frozen': onLabelSetFrozen(deps),
    'curation.iteration.cancelled': onIterationCancelled(deps),
  };
  const events = await consumeEvents({ messaging, service, handlers, log });
  lifetime.onStop('events', () => events.stop());
  const implementation = trainerGrpc(deps);
  const rpc = await startRpcServer({
    definition: TrainerServiceDefinition,
    implementation,
    authenticator,
    log,
    host,
    port,
  });
  lifetime.onStop('grpc', () => rpc.stop());
  return rpc.port;
}
