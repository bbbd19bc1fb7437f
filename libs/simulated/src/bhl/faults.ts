import { invalidArgument } from '@florilegium/errors';
import { createRandom } from '../random.ts';

/**
 * What can go wrong with an answer:
 * slow: the body starts late; cutShort: fewer bytes than Content-Length says, then the connection ends; html: an error page
 * with status 200; serverError: 500, 502 or 503; reset: the connection is torn down before any answer.
 */
export const faultKinds = ['slow', 'cutShort', 'html', 'serverError', 'reset'] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Shares of requests, 0 to 1 each and at most 1 together, that meet each fault; and the bounds on them. */
export type Faults = Partial<Record<FaultKind, number>> & {
  /** After so many faulty answers to one path it is answered well; 2 by default, so that a patient client gets everything. */
  faultyAttemptsMax?: number;
  /** How late a slow body starts; 1,500 by default. */
  slowMs?: number;
  /** `images` (pages' images and the redirects to them, the default) or `all` (the export files too). */
  on?: 'images' | 'all';
};

/** Checks faults that came as JSON or from code. Throws `invalid_argument` naming the field. */
export function parseFaults(value: unknown): Faults {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidArgument('faults is not an object of shares', { field: 'faults' });
  const faults = value as Record<string, unknown>;
  let sum = 0;
  for (const [field, given] of Object.entries(faults)) {
    if ((faultKinds as readonly string[]).includes(field)) {
      if (typeof given !== 'number' || !(given >= 0 && given <= 1))
        throw invalidArgument(`faults.${field} is not a share from 0 to 1`, { field: `faults.${field}` });
      sum += given;
    } else if (field === 'faultyAttemptsMax' || field === 'slowMs') {
      if (!Number.isInteger(given) || (given as number) < 0)
        throw invalidArgument(`faults.${field} is not a whole number of at least 0`, { field: `faults.${field}` });
    } else if (field === 'on') {
      if (given !== 'images' && given !== 'all')
        throw invalidArgument('faults.on is neither images nor all', { field: 'faults.on' });
    } else
      throw invalidArgument(`faults.${field} is no fault; there are ${faultKinds.join(', ')}`, {
        field: `faults.${field}`,
      });
  }
  if (sum > 1 + 1e-9) throw invalidArgument(`the shares of faults add up to ${sum}, more than 1`, { field: 'faults' });
  return faults as Faults;
}

export interface FaultPlan {
  /** The fault that this request for `path` meets, if any. Each call is one attempt. */
  next(path: string): FaultKind | undefined;
}

/** Faults by (seed, path, attempt): the same requests meet the same faults, in whatever order paths are asked for. */
export function planFaults(faults: Faults, seed: number): FaultPlan {
  const { faultyAttemptsMax = 2 } = faults;
  const any = faultKinds.some((kind) => (faults[kind] ?? 0) > 0);
  // Paths that are done with failing keep their entry, or a later attempt would begin anew: some 100 bytes a path.
  const attempts = new Map<string, { made: number; faulty: number }>();
  return {
    next: (path) => {
      if (!any) return undefined;
      const past = attempts.get(path) ?? { made: 0, faulty: 0 };
      attempts.set(path, past);
      past.made += 1;
      if (past.faulty >= faultyAttemptsMax) return undefined;
      let draw = createRandom(`fault/${seed}/${path}/${past.made}`).next();
      for (const kind of faultKinds) {
        draw -= faults[kind] ?? 0;
        if (draw < 0) {
          past.faulty += 1;
          return kind;
        }
      }
      return undefined;
    },
  };
}
