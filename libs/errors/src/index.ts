export type { AppErrorOptions } from './app-error.ts';
export {
  AppError,
  alreadyExists,
  cancelled,
  deadlineExceeded,
  failedPrecondition,
  internal,
  invalidArgument,
  isAway,
  messageOf,
  notFound,
  permissionDenied,
  resourceExhausted,
  toAppError,
  unauthenticated,
  unavailable,
} from './app-error.ts';
export type { ErrorCode } from './status.ts';
export { codeOfGrpcStatus, codeOfHttpStatus, errorCodes, grpcStatusOf, httpStatusOf, messageFateOf } from './status.ts';
