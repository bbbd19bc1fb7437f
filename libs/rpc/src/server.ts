import { randomUUID } from 'node:crypto';
import type { Authenticator, Principal } from '@florilegium/auth';
import { descriptorSetBase64, methodRoles } from '@florilegium/contracts';
import { AppError, grpcStatusOf, messageOf, toAppError } from '@florilegium/errors';
import { checkedRequestId, inLogContext, type Log } from '@florilegium/log';
import {
  type CallContext,
  createServer,
  ServerError,
  type ServerMiddlewareCall,
  Status,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { observeCall } from './metrics.ts';

export interface RpcServerOptions<Implementation> {
  definition: TsProtoServiceDefinition;
  implementation: Implementation;
  authenticator: Authenticator;
  log: Log;
  host: string;
  port: number;
  messageBytesMax?: number;
  /** Calls that still run so long after `stop` are cut off. */
  drainTimeoutMs?: number;
  /** After so long a caller connects anew, and finds replicas that came since. */
  connectionAgeMaxMs?: number;
}

/** What a method that asks who calls finds in its context: implement `…ServiceImplementation<WithPrincipal>`. */
export interface WithPrincipal {
  principal: Principal;
}

export interface RpcServer {
  port: number;
  /** Health answers NOT_SERVING from then on; running calls may end. */
  drain(): void;
  stop(): Promise<void>;
}

/** Serves one service with health (grpc.health.v1), reflection, role check and error mapping. Every method must name its role in its proto. */
export async function startRpcServer<Implementation>({
  definition,
  implementation,
  authenticator,
  log,
  host,
  port,
  messageBytesMax = 16 << 20,
  drainTimeoutMs = 5000,
  connectionAgeMaxMs = 300_000,
}: RpcServerOptions<Implementation>): Promise<RpcServer> {
  for (const method of Object.values(definition.methods)) {
    const path = `/${definition.fullName}/${method.name}`;
    if (!methodRoles[path]) throw new Error(`${path} names no role in its proto`);
  }
  const server = createServer({
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.max_send_message_length': messageBytesMax,
    'grpc.keepalive_time_ms': 60_000,
    'grpc.max_connection_age_ms': connectionAgeMaxMs,
    // As long as the longest stream may take.
    'grpc.max_connection_age_grace_ms': 600_000,
  }).use((call, context) => guard(call, context, authenticator, log));
  const health = HealthState();
  health.setStatus('healthy', definition.fullName);
  // nice-grpc ties the implementation's type to the generated definition; here the caller did that already.
  server.add(definition as never, implementation as never);
  server.add(HealthDefinition, HealthServiceImpl(health));
  server.add(
    ServerReflectionService,
    ServerReflection(Buffer.from(descriptorSetBase64, 'base64'), [definition.fullName]),
  );
  const bound = await server.listen(`${host}:${port}`);
  const drain = () => {
    health.setStatus('unhealthy');
    health.setStatus('unhealthy', definition.fullName);
  };
  return {
    port: bound,
    drain,
    stop: async () => {
      drain();
      const force = setTimeout(() => server.forceShutdown(), drainTimeoutMs);
      await server.shutdown();
      clearTimeout(force);
    },
  };
}

async function* guard<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
  authenticator: Authenticator,
  log: Log,
): AsyncGenerator<Response, Response | void, undefined> {
  const path = call.method.path;
  const startedAt = performance.now();
  const observe = (code: string) => observeCall(path, code, (performance.now() - startedAt) / 1000);
  try {
    const role = methodRoles[path];
    // Health and reflection stand outside the table and are open, as probes and tools expect.
    if (!role) return yield* call.next(call.request, context);
    const principal = authenticator.authorize(context.metadata.get('authorization'), role);
    const requestId = checkedRequestId(context.metadata.get('x-request-id')) ?? randomUUID();
    const result = yield* inContext({ requestId }, call.next(call.request, Object.assign(context, { principal })));
    observe('OK');
    return result;
  } catch (error) {
    const known = toServerError(error, path, log);
    observe(known instanceof ServerError ? Status[known.code]! : 'CANCELLED');
    throw known;
  }
}

/** A generator runs in the context of whoever asks for its next value: here that is ours each time. */
async function* inContext<Response>(
  fields: { requestId: string },
  responses: AsyncGenerator<Response, Response | void, undefined>,
): AsyncGenerator<Response, Response | void, undefined> {
  try {
    for (;;) {
      const next = await inLogContext(fields, () => responses.next());
      if (next.done) return next.value;
      yield next.value;
    }
  } finally {
    await inLogContext(fields, () => responses.return(undefined));
  }
}

function toServerError(error: unknown, path: string, log: Log): unknown {
  if (error instanceof ServerError || (error instanceof Error && error.name === 'AbortError')) return error;
  const known = toAppError(error);
  if (known.code === 'internal') log.error({ path, err: error, reason: messageOf(error) }, 'call failed');
  const message = known instanceof AppError && known.field ? `${known.field}: ${known.message}` : known.message;
  return new ServerError(grpcStatusOf(known.code), message);
}
