import { expect, it } from 'vitest';
import { AppError, codeOfGrpcStatus, codeOfHttpStatus, errorCodes, notFound, toAppError } from './index.ts';

it('finds the code again from its gRPC number', () => {
  for (const [code, row] of Object.entries(errorCodes)) expect(codeOfGrpcStatus(row.grpc)).toBe(code);
  expect(codeOfGrpcStatus(2)).toBe('internal');
});

it('takes 400 as invalid_argument and unknown statuses by their class', () => {
  expect(codeOfHttpStatus(400)).toBe('invalid_argument');
  expect(codeOfHttpStatus(418)).toBe('invalid_argument');
  expect(codeOfHttpStatus(404)).toBe('not_found');
  expect(codeOfHttpStatus(502)).toBe('internal');
});

it('shows nothing of an unknown error but keeps it as the cause', () => {
  const secret = new Error('password=hunter2');
  const error = toAppError(secret);
  expect(error.message).toBe('internal error');
  expect(error.cause).toBe(secret);
  expect(toAppError(notFound('page', 7))).toBeInstanceOf(AppError);
});
