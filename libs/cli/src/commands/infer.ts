import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError, internal, invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { askJson, askPatiently, type ServerOptions, withServer } from '../ask-server.ts';
import { type ImageFile, listImages } from '../image-folder.ts';
import { type ModelFile, readModelFile } from '../model-file.ts';
import { type LabelNumbering, withZero } from '../reference-files.ts';
import { writeWhole } from '../write-file.ts';

interface Options extends ServerOptions, LabelNumbering {
  imageDir?: string;
  model: string;
  member?: number;
  output: string;
  outputDir?: string;
  rule?: string;
  pageSet?: string;
}

type Logits = [number, number];
type MemberFile = Record<string, Logits>;

/** Predictions of the heldout set measure what nobody has steered by. */
const sets = ['train', 'unlabelled', 'stop'];

const whole = (text: string) => {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('not a whole number');
  return Number(text);
};

/** `infer --model MODEL --image-dir DIR --output F`: an ensemble's predictions of the images of a folder, one file a member. */
export function addInfer(program: Command): void {
  const command = program
    .command('infer')
    .description(
      "write an ensemble's predictions as JSON, id → [logit, logit], that of label 0 first: those that the server made when it was trained, or of more pages",
    )
    .requiredOption('--model <file>', 'what train wrote')
    .requiredOption(
      '-o, --output <file>',
      'JSON to write; {} in it stands for the member, and all members are written then',
    )
    .option(
      '--image-dir <dir>',
      'only pages whose image is in this folder (default: all of the train, unlabelled and stop sets)',
    )
    .option('--member <n>', 'which member, from 0 (default: 0)', whole)
    .option('--output-dir <dir>', 'copies the images into its folders 0 and 1, as the member decides')
    .addOption(
      new Option('--rule <rule>', 'all candidates of this rule, which the server predicts now').conflicts('pageSet'),
    )
    .option('--page-set <id>', 'the pages of this set of the server, predicted now');
  withServer(withZero(command)).action(async ({ server, key, ...options }: Options) => {
    const model = await readModelFile(options.model);
    const images = options.imageDir === undefined ? undefined : await listImages(options.imageDir);
    const isAll = options.output.includes('{}');
    if (isAll && options.member !== undefined) throw invalidArgument('--member and {} in --output exclude each other');
    if (options.outputDir !== undefined && (images === undefined || isAll))
      throw invalidArgument('--output-dir needs --image-dir and one member');
    const members = isAll ? Array.from({ length: model.memberCount }, (_, at) => at) : [options.member ?? 0];
    if (members.some((member) => member >= model.memberCount))
      throw invalidArgument(`${options.model} has members 0 to ${model.memberCount - 1}`);
    const address = { server, key };
    const runs = await runsOf(address, model, options);
    let missing: number[] = [];
    for (const member of members) {
      const predictions = new Map<number, Logits>();
      for (const run of runs) {
        // The server puts HQ first.
        const part = await askPatiently<MemberFile>(address, `/v1/prediction-runs/${run}/members/${member}.json`);
        for (const [pageId, [hq, lq]] of Object.entries(part))
          predictions.set(Number(pageId), options.zero === 'HQ' ? [hq, lq] : [lq, hq]);
      }
      const pageIds = images?.map(({ pageId }) => pageId) ?? [...predictions.keys()];
      missing = pageIds.filter((pageId) => !predictions.has(pageId));
      const lines = pageIds.flatMap((pageId) => {
        const logits = predictions.get(pageId);
        return logits ? [`"${pageId}": [${logits.join(', ')}]`] : [];
      });
      const file = options.output.replaceAll('{}', String(member));
      await writeWhole(file, `{${lines.join(',\n')}}\n`);
      console.log(`${lines.length} predictions written to ${file}`);
      if (options.outputDir !== undefined) await sortImages(options.imageDir!, images!, predictions, options.outputDir);
    }
    if (missing.length > 0)
      throw new AppError(
        'not_found',
        `${missing.length} images have no prediction, for their pages are not among ${toldOf(options)}: ${missing.slice(0, 10).join(' ')}${missing.length > 10 ? ' …' : ''}`,
      );
  });
}

type Selection = Pick<Options, 'rule' | 'pageSet'>;

const toldOf = ({ rule, pageSet }: Selection) =>
  rule !== undefined
    ? `the candidates of rule ${rule}`
    : pageSet !== undefined
      ? `page set ${pageSet}`
      : `the sets ${sets.join(', ')}`;

/** Prediction runs to read: those made when the ensemble was trained, or one over what is asked for, which is started and waited for. */
async function runsOf(server: ServerOptions, model: ModelFile, { rule, pageSet }: Selection): Promise<string[]> {
  if (rule === undefined && pageSet === undefined) return sets.flatMap((set) => model.predictionRuns[set] ?? []);
  const { id } = await askJson<{ id: string }>(server, '/v1/prediction-runs', {
    body: { ensembleId: model.ensembleId, rule, pageSetId: pageSet },
  });
  for (;;) {
    const run = await askPatiently<{ state: string; reason: string | null }>(server, `/v1/prediction-runs/${id}`);
    if (run.state === 'done') return [id];
    if (run.state === 'failed' || run.state === 'cancelled')
      throw internal(`prediction run ${id} is ${run.state}: ${run.reason ?? 'no reason given'}`);
    await pause(500);
  }
}

async function sortImages(
  from: string,
  images: readonly ImageFile[],
  predictions: Map<number, Logits>,
  to: string,
): Promise<void> {
  for (const decision of ['0', '1']) await mkdir(join(to, decision), { recursive: true });
  for (const { pageId, file } of images) {
    const logits = predictions.get(pageId);
    if (logits) await copyFile(join(from, file), join(to, logits[0] >= logits[1] ? '0' : '1', file));
  }
}
