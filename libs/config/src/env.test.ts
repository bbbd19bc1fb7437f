import { expect, it } from 'vitest';
import { readEnv } from './env.ts';

it('reports every missing or bad variable together', () => {
  const env = readEnv({ PORT: '70000', ROLE: 'boss', SHARE: 'half', SOURCES: '{', EMPTY: '' });
  env.int('PORT', { min: 0, max: 65535 });
  env.oneOf('ROLE', ['api', 'worker', 'all']);
  env.number('SHARE');
  env.json('SOURCES', (value) => value);
  env.string('EMPTY');
  expect(() => env.done({})).toThrow(
    /PORT is out of range 0\.\.65535: 70000; ROLE is not one of api, worker, all: boss; SHARE is not a number: half; SOURCES: .*; EMPTY is missing/,
  );
});

it('never repeats the value of an address, which may hold a password', () => {
  const env = readEnv({ DATABASE_URL: 'hunter2' });
  env.url('DATABASE_URL');
  expect(() => env.done({})).toThrow(/^configuration: DATABASE_URL is not an address$/);
});

it('gives a frozen configuration when all is well', () => {
  const env = readEnv({ PORT: '8080', AUTH: 'off' });
  const config = env.done({
    port: env.int('PORT'),
    auth: env.flag('AUTH', true),
    role: env.oneOf('ROLE', ['api', 'all'], 'all'),
  });
  expect(config).toEqual({ port: 8080, auth: false, role: 'all' });
  expect(Object.isFrozen(config)).toBe(true);
});
