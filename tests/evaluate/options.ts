import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { invalidArgument } from '@florilegium/errors';
import type { PageChoice } from './read-library.ts';
import { strategies } from './strategies.ts';

export interface Options {
  /** Undefined for the built-in sample library. */
  library: string | undefined;
  heldout: string | undefined;
  backbones: string[];
  /** Ascending. */
  budgets: number[];
  /** `random` is always among them: it is what the others are compared with. */
  strategies: string[];
  seeds: number;
  folds: number;
  pages: PageChoice;
  tone: boolean;
  json: string | undefined;
  plot: string | undefined;
  threads: number;
  modelFolders: string[];
  cacheFolder: string;
  offline: boolean;
}

export const usage = `npm run evaluate -- [options]

Learning curves of the product's own code: how good an ensemble is after so many labels, labels given by truth.csv.

  --library DIR       a folder in BHL's layout with truth.csv; the built-in sample library unless given
  --heldout DIR       score on this library, whose pages are never labelled; else on items held out of --library
  --tone              score on pages aged by code: toned paper, faded ink, shadow, blur, JPEG
  --backbone NAME,…   auto, mobilenet-v2, mobilenet-v2-uint8, classic or a manifest's (default auto; FLORILEGIUM_MODELS names folders with weights)
  --budget N,…        labels at which to measure (default 50,100,133,200,400)
  --strategy NAME,…   (default random,entropy,bald,triage)
${Object.entries(strategies)
  .map(([name, { describe }]) => `                        ${name.padEnd(8)} ${describe}`)
  .join('\n')}
  --seeds N           repetitions, each with lots, splits and bootstraps of its own (default 5)
  --folds K           folds of whole items, each held out once a seed; not with --heldout (default 5)
  --pages WHICH       candidates (those the default rule selects, as in the job; default) or all pages with a label
  --json FILE         rows of backbone, strategy, budget, seed, fold, accuracy, auc, precision, recall, ece, seconds
  --plot FILE.svg     accuracy and AUC by labels
  --threads N         (default one a core, at most 8)
`;

/** @throws AppError invalid_argument naming the option */
export function readOptions(args: readonly string[], env: Record<string, string | undefined>): Options | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const list = (name: 'backbone' | 'budget' | 'strategy') => [
    ...new Set(
      (values[name] ?? [])
        .flatMap((value) => value.split(','))
        .map((value) => value.trim())
        .filter(Boolean),
    ),
  ];
  const named = list('strategy');
  for (const name of named)
    if (!(name in strategies))
      throw invalidArgument(`--strategy ${name} is not known; there are ${Object.keys(strategies).join(', ')}`);
  const budgets = list('budget').map((value) => whole('budget', value, 4, 1_000_000));
  const pages = values.pages ?? 'candidates';
  if (pages !== 'candidates' && pages !== 'all') throw invalidArgument('--pages must be candidates or all');
  if (values.plot !== undefined && !values.plot.endsWith('.svg')) throw invalidArgument('--plot writes SVG: FILE.svg');
  const cacheFolder = env.FLORILEGIUM_CACHE ?? join(homedir(), '.cache', 'florilegium');
  return {
    library: values.library,
    heldout: values.heldout,
    backbones: list('backbone').length > 0 ? list('backbone') : ['auto'],
    budgets: (budgets.length > 0 ? budgets : [50, 100, 133, 200, 400]).sort((a, b) => a - b),
    strategies: [...new Set(['random', ...(named.length > 0 ? named : ['entropy', 'bald', 'triage'])])],
    seeds: whole('seeds', values.seeds ?? '5', 1, 1000),
    folds: whole('folds', values.folds ?? '5', 2, 50),
    pages,
    tone: values.tone ?? false,
    json: values.json,
    plot: values.plot,
    threads: whole('threads', values.threads ?? String(Math.min(8, availableParallelism())), 1, 64),
    modelFolders: (env.FLORILEGIUM_MODELS ?? '').split(':').filter(Boolean),
    cacheFolder,
    offline: ['1', 'on', 'true'].includes(env.FLORILEGIUM_OFFLINE ?? ''),
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const texts = { type: 'string', multiple: true } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...{ library: text, heldout: text, backbone: texts, budget: texts, strategy: texts, seeds: text, folds: text },
        ...{ pages: text, tone: flag, json: text, plot: text, threads: text, help: flag },
      },
    }).values;
  } catch (error) {
    throw invalidArgument((error as Error).message, { cause: error });
  }
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalidArgument(`--${name} must be a whole number from ${min} to ${max}, not ${text}`);
  return value;
}
