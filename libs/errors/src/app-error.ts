import type { ErrorCode } from './status.ts';

export interface AppErrorOptions {
  /** The input field at fault, as the caller wrote it, for example `labels[3].pageId`. */
  field?: string;
  /** More facts for the caller; never a secret. */
  details?: Record<string, unknown>;
  cause?: unknown;
  /** For `resource_exhausted` and `unavailable`: when it is worth trying again, in milliseconds. */
  retryAfterMs?: number;
}

/** An error whose message may be shown to the caller. Anything else that is thrown becomes `internal` at the edges. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export const invalidArgument = (message: string, options?: AppErrorOptions) =>
  new AppError('invalid_argument', message, options);
export const unauthenticated = (message: string, options?: AppErrorOptions) =>
  new AppError('unauthenticated', message, options);
export const permissionDenied = (message: string, options?: AppErrorOptions) =>
  new AppError('permission_denied', message, options);
/** `notFound('page', 12)` reads "page 12 is not known". */
export const notFound = (thing: string, id: string | number, options?: AppErrorOptions) =>
  new AppError('not_found', `${thing} ${id} is not known`, options);
export const alreadyExists = (message: string, options?: AppErrorOptions) =>
  new AppError('already_exists', message, options);
export const failedPrecondition = (message: string, options?: AppErrorOptions) =>
  new AppError('failed_precondition', message, options);
export const resourceExhausted = (message: string, options?: AppErrorOptions) =>
  new AppError('resource_exhausted', message, options);
export const cancelled = (message: string, options?: AppErrorOptions) => new AppError('cancelled', message, options);
export const unavailable = (message: string, options?: AppErrorOptions) =>
  new AppError('unavailable', message, options);
export const deadlineExceeded = (message: string, options?: AppErrorOptions) =>
  new AppError('deadline_exceeded', message, options);
export const internal = (message: string, options?: AppErrorOptions) => new AppError('internal', message, options);

/** The error as it is when it is ours; `unavailable` when a server behind us is away, else `internal`; both keep it as their cause and show nothing of it. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isLostConnection(error)) return unavailable('a server behind this one is away at the moment', { cause: error });
  return internal('internal error', { cause: error });
}

// Of sockets and names, and of PostgreSQL: class 08, 53300 while all its connections are taken, 57P01 to 57P03 while it stops and starts.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const lostCodes =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08...|53300|57P0[1-3])$/;
// pg gives these no code.
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return lostCodes.test(String((error as { code?: unknown }).code ?? '')) || lostMessages.test(error.message);
}

/** Whether the error says that a server behind us is away or did not answer in time, which is nobody's fault and passes. */
export function isAway(error: unknown): boolean {
  const { code } = toAppError(error);
  return code === 'unavailable' || code === 'deadline_exceeded';
}

/** The message of whatever was thrown, for logs and reasons of failed runs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
