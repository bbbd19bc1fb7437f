import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { invalidArgument } from '@florilegium/errors';

export interface MainJobOptions {
  /** The built-in sample library, BHL itself, or a folder in BHL's layout. */
  library: { kind: 'sample' } | { kind: 'bhl' } | { kind: 'folder'; dir: string };
  /** End when the job is done instead of staying up. */
  exit: boolean;
  dataDir: string;
  port: number;
  iterations: number;
  /** Labels that the curator may be asked for, the audit's included. */
  budget: number;
  seed: number;
  /** Undefined: no limit. */
  maxCandidates: number | undefined;
  help: boolean;
}

export const usage = `npm start -- [options]
  --library sample|bhl|DIR  what to work on: the built-in sample library (default), BHL itself, or a folder in BHL's layout
  --data DIR                where everything is kept (default ./data); run again to resume
  --port N                  of the gateway, where UI and API are (default 8080)
  --iterations N            iterations to run, 1 to 50 (default 3)
  --budget LABELS           labels that the curator may be asked for, the audit's included (default 600)
  --seed N                  decides every draw (default 1)
  --max-candidates N        work on at most N candidate pages (default: 5000 for bhl, else all)
  --exit                    end when the job is done; the last line is one line of JSON (not with bhl, where a person labels)
  --help`;

/**
 * The options of `npm start`.
 * @throws invalid_argument with one line that names the option
 */
export function parseOptions(args: readonly string[], workingDir: string): MainJobOptions {
  const { values } = parse(args);
  const text = values.library ?? 'sample';
  const library: MainJobOptions['library'] =
    text === 'sample' || text === 'bhl' ? { kind: text } : { kind: 'folder', dir: resolve(workingDir, text) };
  if (library.kind === 'bhl' && values.exit)
    throw invalidArgument(
      '--exit needs a library with known truth: on the real BHL a person labels, so the job ends by Ctrl-C',
      {
        field: 'exit',
      },
    );
  return {
    library,
    exit: values.exit ?? false,
    help: values.help ?? false,
    dataDir: resolve(workingDir, values.data ?? 'data'),
    port: whole('port', values.port, 8080, 1, 65_535),
    iterations: whole('iterations', values.iterations, 3, 1, 50),
    budget: whole('budget', values.budget, 600, 20, 1_000_000),
    seed: whole('seed', values.seed, 1, 0, 2 ** 31 - 1),
    maxCandidates:
      values['max-candidates'] === undefined
        ? library.kind === 'bhl'
          ? 5000
          : undefined
        : whole('max-candidates', values['max-candidates'], 0, 10, 10_000_000),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        library: { type: 'string' },
        data: { type: 'string' },
        port: { type: 'string' },
        iterations: { type: 'string' },
        budget: { type: 'string' },
        seed: { type: 'string' },
        'max-candidates': { type: 'string' },
        exit: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Node's message names the option; its advice on positionals is of no use here.
    const message = error instanceof Error ? error.message.split(/\.\s|\n/)[0] : String(error);
    throw invalidArgument(`${message} (see npm start -- --help)`, { cause: error });
  }
}

function whole(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw invalidArgument(`--${name} must be a whole number from ${min} to ${max}, not ${text}`, { field: name });
  return value;
}
