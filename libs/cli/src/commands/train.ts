import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { internal, invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askJson, askPatiently, type ServerOptions, withServer } from '../ask-server.ts';
import { listImages } from '../image-folder.ts';
import { readModelFile, writeModelFile } from '../model-file.ts';
import { type LabelNumbering, readLabels, withZero } from '../reference-files.ts';

interface Options extends ServerOptions, LabelNumbering {
  imageDir?: string;
  labels: string;
  output: string;
  epochs?: number;
  pretrainedModel?: string;
  method: string;
  seed?: number;
}

interface IterationView {
  number: number;
  state: string;
  reason: string | null;
  ensembleId: string | null;
  parentEnsembleId: string | null;
  labelCount: number;
  predictionRuns: Record<string, string>;
  outOfFold: { accuracy: number | null; auc: number | null } | null;
}

const whole = (text: string) => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('not a whole number');
  return Number(text);
};

/** `train --labels F --output MODEL`: the labels of a file become a server's, and its next ensemble is trained on them. */
export function addTrain(program: Command): void {
  withServer(
    withZero(
      program
        .command('train')
        .description(
          'bring a label file to a running Florilegium and train its next ensemble of five, from the one before',
        )
        .requiredOption('--labels <file>', 'label file')
        .requiredOption('-o, --output <file>', 'what infer takes as --model: which ensemble it became')
        .option('--image-dir <dir>', 'folder of the train set: a label of a page without an image in it is refused')
        .option('--epochs <n>', 'at most, for --method finetune', whole)
        .option('--pretrained-model <file>', 'model of the iteration before; the server starts from its newest one')
        .option('--method <name>', 'probe or finetune', 'probe')
        .option('--seed <n>', 'decides all draws', whole),
    ),
  ).action(async ({ server, key, ...options }: Options) => {
    const address = { server, key };
    const parent = options.pretrainedModel === undefined ? undefined : await readModelFile(options.pretrainedModel);
    await bringLabels(address, options);
    const parameters = {
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.epochs === undefined || options.method !== 'finetune' ? {} : { epochsMax: options.epochs }),
    };
    const { number, parentEnsembleId, labelCount } = await askPatiently<IterationView>(address, '/v1/iterations', {
      body: { method: options.method, parameters },
      headers: { 'idempotency-key': randomUUID() },
    });
    console.error(`iteration ${number}: ${labelCount} labels`);
    if (parent && parent.ensembleId !== parentEnsembleId)
      console.error(`it starts from ensemble ${parentEnsembleId}, not from the one of ${options.pretrainedModel}`);
    const trained = await waitFor(address, number);
    const memberCount = await memberCountOf(address, trained.ensembleId!);
    await writeModelFile(options.output, {
      iteration: number,
      ensembleId: trained.ensembleId!,
      memberCount,
      predictionRuns: trained.predictionRuns,
    });
    const { accuracy, auc } = trained.outOfFold ?? { accuracy: null, auc: null };
    const share = (value: number | null) => value?.toFixed(4) ?? '?';
    console.log(
      `iteration ${number}: ${memberCount} members; out of fold accuracy ${share(accuracy)}, AUC ${share(auc)}; ${options.output} written`,
    );
  });
}

interface Imported {
  recordedCount: number;
  unchangedCount: number;
  overwrittenCount: number;
  refusedCount: number;
  refused: { line: number; key: string; message: string }[];
}

async function bringLabels(server: ServerOptions, { labels: file, imageDir, zero }: Omit<Options, 'server' | 'key'>) {
  const labels = await readLabels(file, { zero });
  if (imageDir !== undefined) {
    const there = new Set((await listImages(imageDir)).map(({ pageId }) => pageId));
    const missing = [...labels.keys()].filter((pageId) => !there.has(pageId));
    if (missing.length > 0)
      throw invalidArgument(
        `${imageDir} has no image of ${missing.length} pages that ${file} labels: ${missing.slice(0, 10).join(' ')}${missing.length > 10 ? ' …' : ''}`,
      );
  }
  const imported = await askJson<Imported>(server, `/v1/labels/file?zero=${zero}`, {
    jsonText: await readFile(file, 'utf8'),
  });
  const { recordedCount, unchangedCount, overwrittenCount, refusedCount } = imported;
  console.error(
    `${recordedCount} labels recorded, ${overwrittenCount} of them over another; ${unchangedCount} stood already; ${refusedCount} refused`,
  );
  for (const { line, key, message } of imported.refused.slice(0, 10))
    console.error(`${file}: line ${line}: ${key}: ${message}`);
  if (refusedCount > 0) throw invalidArgument(`${refusedCount} labels were refused; nothing is trained`);
}

async function waitFor(server: ServerOptions, number: number): Promise<IterationView> {
  for (;;) {
    const iteration = await askPatiently<IterationView>(server, `/v1/iterations/${number}`);
    if (iteration.state === 'review' || iteration.state === 'closed') return iteration;
    if (iteration.state === 'failed' || iteration.state === 'cancelled')
      throw internal(`iteration ${number} is ${iteration.state}: ${iteration.reason ?? 'no reason given'}`);
    await pause(500);
  }
}

/** Its training is among the newest. */
async function memberCountOf(server: ServerOptions, ensembleId: string): Promise<number> {
  for (let after = ''; ; ) {
    const { trainings, next } = await askPatiently<{
      trainings: { ensembleId: string | null; memberCount: number }[];
      next: string | null;
    }>(server, `/v1/trainings?limit=100${after}`);
    const training = trainings.find((one) => one.ensembleId === ensembleId);
    if (training) return training.memberCount;
    if (next === null) throw internal(`the server has no training of ensemble ${ensembleId}`);
    after = `&after=${next}`;
  }
}
