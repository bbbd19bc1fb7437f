import { describe, expect, it } from 'vitest';
import { createAuthenticator, hashApiKey, parseApiKeys } from './index.ts';

const keys = parseApiKeys(
  `ada:viewer:${hashApiKey('a')}, carl:curator:${hashApiKey('c')}\nolga:operator:${hashApiKey('o')}`,
);

describe('with keys required', () => {
  const auth = createAuthenticator({ required: true, keys });

  it('lets a role do what lower roles may', () => {
    expect(auth.authorize('Bearer o', 'viewer')).toEqual({ name: 'olga', role: 'operator' });
    expect(auth.authorize('bearer c', 'curator')).toEqual({ name: 'carl', role: 'curator' });
  });

  it('refuses a role that is too low, naming the one it needs', () => {
    expect(() => auth.authorize('Bearer a', 'curator')).toThrow('this needs the role curator; ada has viewer');
  });

  it('refuses a missing, malformed or unknown key', () => {
    expect(() => auth.authorize(undefined, 'viewer')).toThrow(/API key is needed/);
    expect(() => auth.authorize('Basic a', 'viewer')).toThrow(/API key is needed/);
    expect(() => auth.authorize('Bearer x', 'viewer')).toThrow(/not known/);
  });
});

describe('with keys not required', () => {
  const auth = createAuthenticator({ required: false, keys });

  it('takes a caller without a key as the local operator', () => {
    expect(auth.authorize(undefined, 'operator')).toEqual({ name: 'local', role: 'operator' });
  });

  it('still holds a caller with a key to that key', () => {
    expect(auth.authorize('Bearer c', 'curator').name).toBe('carl');
    expect(() => auth.authorize('Bearer c', 'operator')).toThrow(/role operator/);
    expect(() => auth.authorize('Bearer x', 'viewer')).toThrow(/not known/);
  });
});

it('names the place of a malformed entry, not its content', () => {
  expect(() => parseApiKeys(`ada:viewer:${hashApiKey('a')},bob:boss:secret`)).toThrow(/^API_KEYS: entry 2 is not/);
});
