import { type Logger, pino } from 'pino';

export type Log = Logger;

export interface LogOptions {
  service: string;
  level?: string;
}

/** JSON lines on stdout, one per outcome, ids as fields. Fields that hold secrets by name are cut out. */
export function createLog({ service, level = 'info' }: LogOptions): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: [
        'apiKey',
        'password',
        'databaseUrl',
        'headers.authorization',
        'req.headers.authorization',
        '*.apiKey',
        '*.password',
        '*.databaseUrl',
      ],
      censor: '[secret]',
    },
  });
}

/** A log that says nothing, for tests. */
export const silentLog: Log = pino({ level: 'silent' });
