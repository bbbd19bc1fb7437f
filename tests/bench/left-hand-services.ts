import { createAuthenticator } from '@florilegium/auth';
import { createLog } from '@florilegium/log';
import { startRpcServer } from '@florilegium/rpc';

/** A gRPC service of which a bench needs a few methods; the others say that they are missing. */
export async function startPartialService<Implementation extends object>(
  definition: Parameters<typeof startRpcServer>[0]['definition'],
  partial: Partial<Implementation>,
): Promise<{ port: number; stop(): Promise<void> }> {
  const implementation = Object.fromEntries(
    Object.keys(definition.methods).map((name) => [
      name,
      partial[name as keyof Implementation] ??
        (async () => {
          throw new Error(`${name} is not part of this bench`);
        }),
    ]),
  );
  return await startRpcServer({
    definition,
    implementation,
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: createLog({ service: 'bench', level: 'warn' }),
    host: '127.0.0.1',
    port: 0,
  });
}
