/**
 * The one table that maps an error's code. `message` is what a consumer does with the event or work message that met the error:
 * `drop` ends it, `retry` delivers it again after a growing delay. The gRPC numbers are those of google.rpc.Code.
 */
export const errorCodes = {
  invalid_argument: { http: 400, grpc: 3, message: 'drop' },
  unauthenticated: { http: 401, grpc: 16, message: 'drop' },
  permission_denied: { http: 403, grpc: 7, message: 'drop' },
  not_found: { http: 404, grpc: 5, message: 'drop' },
  already_exists: { http: 409, grpc: 6, message: 'drop' },
  /** Also "not here yet". */
  failed_precondition: { http: 400, grpc: 9, message: 'retry' },
  resource_exhausted: { http: 429, grpc: 8, message: 'retry' },
  cancelled: { http: 499, grpc: 1, message: 'drop' },
  unavailable: { http: 503, grpc: 14, message: 'retry' },
  deadline_exceeded: { http: 504, grpc: 4, message: 'retry' },
  internal: { http: 500, grpc: 13, message: 'retry' },
} as const satisfies Record<string, { http: number; grpc: number; message: 'drop' | 'retry' }>;

export type ErrorCode = keyof typeof errorCodes;

export const httpStatusOf = (code: ErrorCode): number => errorCodes[code].http;
export const grpcStatusOf = (code: ErrorCode): number => errorCodes[code].grpc;
export const messageFateOf = (code: ErrorCode): 'drop' | 'retry' => errorCodes[code].message;

/** The code of a gRPC status number; unknown numbers are `internal`. */
export function codeOfGrpcStatus(status: number): ErrorCode {
  for (const [code, row] of Object.entries(errorCodes)) if (row.grpc === status) return code as ErrorCode;
  return 'internal';
}

/** The code of an HTTP status; 400 is `invalid_argument`, other client errors too, other server errors are `internal`. */
export function codeOfHttpStatus(status: number): ErrorCode {
  for (const [code, row] of Object.entries(errorCodes)) if (row.http === status) return code as ErrorCode;
  return status >= 400 && status < 500 ? 'invalid_argument' : 'internal';
}
