import { AsyncLocalStorage } from 'node:async_hooks';
import { type Logger, pino } from 'pino';

export type Log = Logger;

export interface LogOptions {
  service: string;
  level?: string;
  /** Where the lines go; stdout when not given. */
  destination?: { write(line: string): void };
}

/** Ids that stand on each line of a piece of work, whoever writes it. */
export interface LogContext {
  /** Given to a request where it came in, handed on to every call, event and batch that follows from it. */
  requestId?: string;
  runId?: string;
  [field: string]: string | number | undefined;
}

const contexts = new AsyncLocalStorage<LogContext>();

/** Runs `work` so that lines logged in it, and in all that it awaits, carry these fields besides those that stand already. */
export function inLogContext<Result>(fields: LogContext, work: () => Result): Result {
  return contexts.run({ ...contexts.getStore(), ...fields }, work);
}

/** What stands on the lines logged here. */
export const logContext = (): Readonly<LogContext> => contexts.getStore() ?? {};

const requestIdForm = /^[\w.:-]{1,100}$/;

/** A request id that came from outside, or undefined when it is none: it goes into logs and headers as it is. */
export const checkedRequestId = (text: unknown): string | undefined =>
  typeof text === 'string' && requestIdForm.test(text) ? text : undefined;

const secretFields = [
  'apiKey',
  'apiKeys',
  'serviceApiKey',
  'password',
  'databaseUrl',
  'natsUrl',
  'authorization',
  'headers.authorization',
  'headers.cookie',
  'req.headers.authorization',
];
/** Of an address with a password in it, as drivers put them into their messages. */
const passwordInAddress = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@"]*):[^\s/@"]+@/gi;
const bearer = /\b(Bearer)\s+[^\s"\\]+/gi;

/**
 * JSON lines on stdout, one per outcome, ids as fields, those of the log context included. Fields that hold secrets by name are cut out, and
 * passwords in addresses and keys after `Bearer` wherever they stand.
 */
export function createLog({ service, level = 'info', destination }: LogOptions): Log {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    mixin: () => ({ ...contexts.getStore() }),
    redact: {
      paths: secretFields.flatMap((field) => (field.includes('.') ? [field] : [field, `*.${field}`])),
      censor: '[secret]',
    },
    hooks: {
      streamWrite: (line: string) => line.replace(passwordInAddress, '$1:[secret]@').replace(bearer, '$1 [secret]'),
    },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** A log that says nothing, for tests. */
export const silentLog: Log = pino({ level: 'silent' });
