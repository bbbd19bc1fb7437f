import { invalidArgument } from '@florilegium/errors';

export interface NatsAddress {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
}

/**
 * Reads `nats://[user:password@]host:port`, several separated by commas; `token@` stands for a token. The client itself takes no credentials from
 * addresses. Those of the first address that has any are used for all.
 * @throws invalid_argument, without the address, which may hold a password
 */
export function parseNatsAddress(text: string): NatsAddress {
  const addresses = text.split(',').map((entry) => entry.trim());
  // Without a scheme, `user:…` would read as one.
  const urls = addresses.map((address) => {
    const url = URL.parse(address.includes('://') ? address : `nats://${address}`);
    if (!url?.host) throw invalidArgument('NATS_URL is not an address', { field: 'NATS_URL' });
    return url;
  });
  const { username, password } = urls.find((url) => url.username !== '') ?? { username: '', password: '' };
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: urls.map((url) => `${url.protocol}//${url.host}`),
    ...(user === '' ? {} : pass === '' ? { token: user } : { user, pass }),
  };
}
