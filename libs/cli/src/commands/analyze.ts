import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { entropyQuantile, opinionOf, triageLabelled, triageUnlabelled } from '@florilegium/ensemble/arithmetic';
import { invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askJson, type ServerOptions, serverOf, withOptionalServer } from '../ask-server.ts';
import { type LabelNumbering, labelNumberIn, readLabels, readPredictions, withZero } from '../reference-files.ts';
import { writeWhole } from '../write-file.ts';

interface Options extends LabelNumbering {
  labels?: string;
  trainPredictions: string[];
  unlabeledPredictions: string[];
  previousPredictions: string[];
  entropyQuantile: number;
  entropyThreshold?: number;
  outputDir: string;
  iteration?: number;
  server?: string | true;
  key?: string;
}

const share = (max: number) => (text: string) => {
  const value = Number(text);
  if (!(text.trim() !== '' && value >= 0 && value <= max))
    throw new InvalidArgumentError(`not a number from 0 to ${max}`);
  return value;
};
const whole = (text: string) => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('not a whole number above 0');
  return Number(text);
};

/** `analyze`: what the reference project's notebook does with an ensemble's predictions, or, with --server, what an iteration came to. */
export function addAnalyze(program: Command): void {
  withOptionalServer(
    withZero(
      program
        .command('analyze')
        .description(
          "sort an ensemble's predictions into A, B, C, D, NOTSURE, MISPREDICTION and UNCERTAIN, and write relabels_*.json",
        )
        .requiredOption(
          '--output-dir <dir>',
          'where relabels_notsure.json, relabels_type_c.json and relabels_type_b_d.json go',
        )
        .option('--labels <file>', 'label file that the ensemble was trained on')
        .option(
          '--train-predictions <files...>',
          "each member's predictions of the train set (JSON, id → [logit, logit])",
          [],
        )
        .option('--unlabeled-predictions <files...>', "each member's predictions of the unlabelled set", [])
        .option('--previous-predictions <files...>', 'the same of the iteration before, to tell what changed', [])
        .option(
          '--entropy-quantile <share>',
          'share of the unlabelled pages whose entropy counts as low',
          share(1),
          0.8,
        )
        .option('--entropy-threshold <nats>', 'in place of the quantile', share(Math.LN2))
        .option('--iteration <n>', 'of a server: the newest reviewed one unless given', whole),
    ),
  ).action(async (options: Options) => {
    await mkdir(options.outputDir, { recursive: true });
    const server = serverOf(options);
    if (server) await analyzeServer(server, options);
    else await analyzeFiles(options);
  });
}

async function analyzeFiles(options: Options): Promise<void> {
  if (options.unlabeledPredictions.length === 0) throw invalidArgument('--unlabeled-predictions is missing');
  const unlabelled = await readEnsemble(options.unlabeledPredictions, options);
  const opinions = [...unlabelled].map(([pageId, members]) => ({ pageId, ...opinionOf(members) }));
  const threshold =
    options.entropyThreshold ??
    entropyQuantile(
      opinions.map(({ entropy }) => entropy),
      options.entropyQuantile,
    );
  const byClass: Record<'A' | 'B' | 'C' | 'D' | 'NOTSURE' | 'MISPREDICTION' | 'UNCERTAIN', number[]> = {
    A: [],
    B: [],
    C: [],
    D: [],
    NOTSURE: [],
    MISPREDICTION: [],
    UNCERTAIN: [],
  };
  const labelOf = new Map<number, 0 | 1 | 2>();
  const take = (pageId: number, mean: number) => labelOf.set(pageId, labelNumberIn(mean >= 0.5 ? 'HQ' : 'LQ', options));
  for (const { pageId, ...opinion } of opinions) {
    byClass[triageUnlabelled(opinion, threshold)].push(pageId);
    take(pageId, opinion.mean);
  }
  if (options.trainPredictions.length > 0) {
    if (options.labels === undefined)
      throw invalidArgument('--labels is missing: predictions of the train set are judged by it');
    const labels = await readLabels(options.labels, options);
    const judged = [...(await readEnsemble(options.trainPredictions, options))]
      .map(([pageId, members]) => ({ pageId, ...opinionOf(members) }))
      .sort((one, other) => other.dissenting - one.dissenting || one.pageId - other.pageId);
    for (const { pageId, ...opinion } of judged) {
      const label = labels.get(pageId);
      const triaged = label && triageLabelled(label, opinion, threshold);
      if (triaged) byClass[triaged].push(pageId);
      take(pageId, opinion.mean);
    }
  }
  if (options.trainPredictions.length > 0)
    console.error(
      'NOTSURE, MISPREDICTION and UNCERTAIN are judged by the predictions as they are: members that trained on a label hardly contradict it (--server judges each page by members that never saw its book)',
    );
  await writeRelabels(options.outputDir, {
    notsure: byClass.NOTSURE.map((pageId) => [pageId, labelOf.get(pageId)!]),
    type_c: byClass.C.map((pageId) => [pageId, labelOf.get(pageId)!]),
    type_b_d: [...byClass.B, ...byClass.D].map((pageId) => [pageId]),
  });
  const mean = (values: readonly number[]) =>
    values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(
    `${opinions.length} unlabelled pages: ${(['A', 'B', 'C', 'D'] as const).map((name) => `${name} ${byClass[name].length}`).join(', ')}`,
  );
  const count = options.unlabeledPredictions.length;
  console.log(
    `mean entropy ${mean(opinions.map(({ entropy }) => entropy)).toFixed(4)} nats, disagreement ${mean(opinions.map(({ dissenting }) => dissenting / count)).toFixed(4)}, low entropy up to ${threshold.toFixed(4)}`,
  );
  if (options.previousPredictions.length > 0) await tellChange(unlabelled, options);
  for (const name of ['NOTSURE', 'MISPREDICTION', 'UNCERTAIN'] as const)
    console.log(`${name} ${byClass[name].length}${byClass[name].length > 0 ? `: ${byClass[name].join(' ')}` : ''}`);
  tellWhatIsNext(options.outputDir);
}

/** "Change of mind": how many decisions differ from the iteration before, by member and of the ensemble. */
async function tellChange(unlabelled: Map<number, number[]>, options: Options): Promise<void> {
  const before = await readEnsemble(options.previousPredictions, options);
  const both = [...unlabelled].filter(([pageId]) => before.has(pageId));
  const changed = (of: (members: readonly number[]) => number) =>
    both.filter(([pageId, members]) => of(members) >= 0.5 !== of(before.get(pageId)!) >= 0.5).length /
    Math.max(1, both.length);
  const memberCount = Math.min(options.unlabeledPredictions.length, options.previousPredictions.length);
  const members = Array.from({ length: memberCount }, (_, at) => changed((all) => all[at]!).toFixed(4));
  console.log(
    `change of mind since the iteration before: ensemble ${changed((all) => opinionOf(all).mean).toFixed(4)}, members ${members.join(' ')}`,
  );
}

/** P(HQ) of all members by page. @throws invalid_argument when a member has no prediction of a page that another one has */
async function readEnsemble(files: readonly string[], numbering: LabelNumbering): Promise<Map<number, number[]>> {
  const members: Map<number, number>[] = [];
  for (const file of files) members.push(await readPredictions(file, numbering));
  const ensemble = new Map<number, number[]>();
  for (const [at, member] of members.entries()) {
    if (member.size !== members[0]!.size)
      throw invalidArgument(`${files[at]} has ${member.size} predictions, ${files[0]} has ${members[0]!.size}`);
    for (const [pageId, probability] of member) {
      const all = ensemble.get(pageId) ?? [];
      if (all.length !== at) throw invalidArgument(`${files[at]} predicts ${pageId}, ${files[0]} does not`);
      all.push(probability);
      ensemble.set(pageId, all);
    }
  }
  return ensemble;
}

interface IterationView {
  number: number;
  state: string;
  triage: Record<string, number> | null;
  curves: {
    meanEntropy: number | null;
    meanDisagreement: number | null;
    changeOfMind: number | null;
    kappa: number | null;
  } | null;
  verdict: { decision: string; reason: string } | null;
}

async function analyzeServer(server: ServerOptions, options: Options): Promise<void> {
  const { iterations } = await askJson<{ iterations: IterationView[] }>(server, '/v1/iterations');
  const reviewed = iterations.filter(({ state }) => state === 'review' || state === 'closed');
  const iteration =
    options.iteration === undefined ? reviewed.at(-1) : iterations.find(({ number }) => number === options.iteration);
  if (!iteration)
    throw invalidArgument(
      options.iteration === undefined
        ? 'no iteration has been reviewed yet'
        : `there is no iteration ${options.iteration}`,
    );
  const read = (kind: string) => askJson<number[][]>(server, `/v1/iterations/${iteration.number}/relabels/${kind}`);
  // The server numbers as the reference does: 0 is HQ.
  const flip = (rows: number[][]) =>
    options.zero === 'HQ'
      ? rows
      : rows.map(([id, label]) => (label === undefined ? [id!] : [id!, label === 2 ? 2 : 1 - label]));
  await writeRelabels(options.outputDir, {
    notsure: flip(await read('notsure')),
    type_c: flip(await read('type_c')),
    type_b_d: await read('type_b_d'),
  });
  const { triage, curves, verdict } = iteration;
  console.log(`iteration ${iteration.number}`);
  if (triage)
    console.log(
      Object.entries(triage)
        .map(([name, pages]) => `${name} ${pages}`)
        .join(', '),
    );
  const figure = (value: number | null | undefined) => value?.toFixed(4) ?? '-';
  if (curves)
    console.log(
      `mean entropy ${figure(curves.meanEntropy)} nats, disagreement ${figure(curves.meanDisagreement)}, change of mind ${figure(curves.changeOfMind)}, kappa ${figure(curves.kappa)}`,
    );
  if (verdict) console.log(`${verdict.decision}: ${verdict.reason}`);
  for (const queue of ['misprediction', 'uncertain']) {
    const { pages } = await askJson<{ pages: { pageId: number }[] }>(
      server,
      `/v1/review-queues/${queue}?limit=1000&iteration=${iteration.number}`,
    );
    console.log(
      `${queue.toUpperCase()} ${pages.length}${pages.length > 0 ? `: ${pages.map(({ pageId }) => pageId).join(' ')}` : ''}`,
    );
  }
  tellWhatIsNext(options.outputDir);
}

async function writeRelabels(dir: string, files: Record<'notsure' | 'type_c' | 'type_b_d', number[][]>): Promise<void> {
  for (const [name, rows] of Object.entries(files))
    await writeWhole(join(dir, `relabels_${name}.json`), `[${rows.map((row) => JSON.stringify(row)).join(',\n')}]\n`);
}

function tellWhatIsNext(dir: string): void {
  console.error(
    `look through ${join(dir, 'relabels_notsure.json')} and ${join(dir, 'relabels_type_c.json')} and take out what the ensemble got wrong; MISPREDICTION and UNCERTAIN may be wrong labels`,
  );
}
