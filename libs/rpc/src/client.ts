import { AppError, codeOfGrpcStatus } from '@florilegium/errors';
import { logContext } from '@florilegium/log';
import {
  type CallOptions,
  type Client,
  ClientError,
  type ClientMiddleware,
  createChannel,
  createClientFactory,
  Metadata,
  Status,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { type DeadlineOptions, deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { type RetryOptions, retryMiddleware } from 'nice-grpc-client-middleware-retry';

export type RpcClientOptions = {
  /** host:port; a name with several addresses is balanced round robin. */
  address: string;
  apiKey?: string;
  /** Of a unary call, all its tries included. */
  deadlineMs?: number;
  /** Of a stream, from first to last message. */
  streamDeadlineMs?: number;
  messageBytesMax?: number;
};

export type RpcCallOptions = CallOptions & DeadlineOptions & RetryOptions;

export interface RpcClient<Definition extends TsProtoServiceDefinition> {
  client: Client<Definition, DeadlineOptions & RetryOptions>;
  close(): void;
}

/**
 * A client whose calls all have a deadline. Calls that the proto marks as idempotent or free of side effects are tried up to seven times when
 * the service cannot be reached or stops; streams are not, their reader starts again. Errors arrive as AppError with the code that the service
 * gave, and a call that a stopping service cut off as unavailable.
 */
export function createRpcClient<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
  { address, apiKey, deadlineMs = 15_000, streamDeadlineMs = 600_000, messageBytesMax = 16 << 20 }: RpcClientOptions,
): RpcClient<Definition> {
  const channel = createChannel(`dns:${address}`, undefined, {
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // A service that was restarted is found again within a second, not after grpc's two minutes.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
  });
  // The last one stands outermost: errors are ours only after all tries, and the deadline spans them.
  const factory = createClientFactory()
    .use(keyOf(apiKey))
    .use(retryMiddleware)
    .use(deadlineMiddleware)
    .use(errorsOf(definition));
  const defaults: Record<string, RpcCallOptions> = {};
  for (const [name, method] of Object.entries(definition.methods))
    defaults[name] = {
      deadline: method.responseStream || method.requestStream ? streamDeadlineMs : deadlineMs,
      retryBaseDelayMs: 200,
      retryMaxDelayMs: 3000,
      retryMaxAttempts: 6,
      retryableStatuses: [Status.UNAVAILABLE, Status.CANCELLED],
    };
  return {
    client: factory.create(definition, channel, defaults as never) as unknown as Client<
      Definition,
      DeadlineOptions & RetryOptions
    >,
    close: () => channel.close(),
  };
}

const keyOf = (apiKey: string | undefined): ClientMiddleware =>
  async function* (call, options) {
    const metadata = Metadata(options.metadata);
    if (apiKey) metadata.set('authorization', `Bearer ${apiKey}`);
    const { requestId } = logContext();
    if (requestId) metadata.set('x-request-id', requestId);
    return yield* call.next(call.request, { ...options, metadata });
  };

const errorsOf = (definition: TsProtoServiceDefinition): ClientMiddleware =>
  async function* (call, options) {
    try {
      return yield* call.next(call.request, options);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const method = call.method.path.split('/').at(-1);
      // A service that stops cancels the calls that it did not finish. What our own side aborts arrives as AbortError, not here.
      const code = error.code === Status.CANCELLED ? 'unavailable' : codeOfGrpcStatus(error.code);
      throw new AppError(code, `${definition.name}.${method}: ${error.details}`, {
        cause: error,
      });
    }
  };
