import { expect, it } from 'vitest';
import { parseNatsAddress } from './nats-address.ts';

it('takes the credentials out of the addresses', () => {
  expect(parseNatsAddress('nats://ada:p%40ss@one:4222, two:4222')).toEqual({
    servers: ['nats://one:4222', 'nats://two:4222'],
    user: 'ada',
    pass: 'p@ss',
  });
  expect(parseNatsAddress('nats://s3cret@one:4222')).toEqual({ servers: ['nats://one:4222'], token: 's3cret' });
  expect(parseNatsAddress('127.0.0.1:4222')).toEqual({ servers: ['nats://127.0.0.1:4222'] });
});

it('refuses what is no address without repeating it', () => {
  expect(() => parseNatsAddress('nats://ada:hunter2@')).toThrow(/^NATS_URL is not an address$/);
});
