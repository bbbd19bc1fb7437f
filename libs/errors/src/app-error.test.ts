import { expect, it } from 'vitest';
import { notFound, toAppError } from './app-error.ts';

const withCode = (message: string, code: string) => Object.assign(new Error(message), { code });

it('keeps our own errors', () => {
  const error = notFound('page', 12);
  expect(toAppError(error)).toBe(error);
});

it.each([
  withCode('connect ECONNREFUSED 127.0.0.1:5432', 'ECONNREFUSED'),
  withCode('terminating connection due to administrator command', '57P01'),
  withCode('the database system is starting up', '57P03'),
  withCode('connection failure', '08006'),
  withCode('sorry, too many clients already', '53300'),
  withCode('getaddrinfo ENOTFOUND postgres', 'ENOTFOUND'),
  withCode('getaddrinfo EAI_AGAIN postgres', 'EAI_AGAIN'),
  withCode('connect EHOSTUNREACH 10.0.0.7:5432', 'EHOSTUNREACH'),
  new Error('Connection terminated unexpectedly'),
])('tells callers to try again when a server behind is away: %s', (error) => {
  expect(toAppError(error)).toMatchObject({ code: 'unavailable', cause: error });
});

it.each([withCode('duplicate key value', '23505'), new Error('boom'), 'thrown text'])(
  'shows nothing of other errors: %s',
  (error) => {
    expect(toAppError(error)).toMatchObject({ code: 'internal', message: 'internal error', cause: error });
  },
);
