import { readFileSync } from 'node:fs';
import { type CandidateRule, parseCandidateRules } from '@florilegium/bhl';
import { readEnv, readPrepareEnv, readServiceEnv, type ServiceEnv } from '@florilegium/config';

export interface CatalogConfig extends ServiceEnv {
  /** Hosts (`name` or `name:port`) that an export may be imported from. */
  importHosts: readonly string[];
  /** Folders under which an export's files may lie. */
  importRoots: readonly string[];
  /** Whom a host may write to about our requests. */
  contact: string;
  /** Share of bad lines in a file above which an import fails. */
  badLineShareMax: number;
  /** A running import without a heartbeat for so long is taken over. */
  workStaleMs: number;
  reservoirPages: number;
  reservoirSeed: number;
  /** Besides the built-in ones. */
  candidateRules: readonly CandidateRule[];
}

const bhlHosts = 'bhl-open-data.s3.us-east-2.amazonaws.com,www.biodiversitylibrary.org';

export function readConfig(variables: Record<string, string | undefined> = process.env): Readonly<CatalogConfig> {
  const env = readEnv(variables);
  return env.done({
    ...readServiceEnv(env),
    importHosts: listOf(env.string('IMPORT_HOSTS', bhlHosts), ','),
    importRoots: listOf(env.optional('IMPORT_ROOTS') ?? '', ':'),
    contact: env.string('CONTACT', 'none given'),
    badLineShareMax: env.number('IMPORT_BAD_LINE_SHARE_MAX', { default: 0.05, min: 0, max: 1 }),
    workStaleMs: env.int('WORK_STALE_MS', { default: 12_000, min: 500 }),
    reservoirPages: env.int('RESERVOIR_PAGES', { default: 20_000, min: 0, max: 1_000_000 }),
    reservoirSeed: env.int('RESERVOIR_SEED', { default: 1 }),
    candidateRules: env.text(
      'CANDIDATE_RULES_FILE',
      (path) => parseCandidateRules(readFileSync(path, 'utf8'), path),
      [],
    ),
  });
}

function listOf(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** What preparing the servers needs of the same variables. */
export function readPrepareConfig(variables: Record<string, string | undefined> = process.env) {
  const env = readEnv(variables);
  return env.done(readPrepareEnv(env));
}
