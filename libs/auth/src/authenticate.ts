import { timingSafeEqual } from 'node:crypto';
import { permissionDenied, unauthenticated } from '@florilegium/errors';
import { type ApiKey, hashApiKey } from './api-keys.ts';
import { allows, type Role } from './role.ts';

export interface Principal {
  name: string;
  role: Role;
}

export interface AuthOptions {
  /** When off, a caller without a key is `local` with the role operator: for a stack that listens on loopback alone. */
  required: boolean;
  keys: readonly ApiKey[];
}

export interface Authenticator {
  /** Whether every caller must show a key. */
  required: boolean;
  /**
   * Who calls, and whether they may: the only place where keys are checked, for REST and gRPC alike.
   * @param authorization the `authorization` header or metadata value, `Bearer <key>`
   * @throws unauthenticated without a known key, permission_denied with a role that is too low
   */
  authorize(authorization: string | undefined, needs: Role): Principal;
}

export function createAuthenticator({ required, keys }: AuthOptions): Authenticator {
  const local: Principal = { name: 'local', role: 'operator' };
  const authenticate = (authorization: string | undefined): Principal => {
    if (authorization === undefined && !required) return local;
    const key = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (key === undefined) throw unauthenticated('an API key is needed: authorization: Bearer <key>');
    const sha256 = Buffer.from(hashApiKey(key), 'hex');
    const found = keys.find((candidate) => timingSafeEqual(Buffer.from(candidate.sha256, 'hex'), sha256));
    if (!found) throw unauthenticated('the API key is not known');
    return { name: found.name, role: found.role };
  };
  return {
    required,
    authorize(authorization, needs) {
      const principal = authenticate(authorization);
      if (!allows(principal.role, needs))
        throw permissionDenied(`this needs the role ${needs}; ${principal.name} has ${principal.role}`);
      return principal;
    },
  };
}
