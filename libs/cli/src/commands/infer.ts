import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askJson, type ServerOptions, withServer } from '../ask-server.ts';
import { type ImageFile, listImages } from '../image-folder.ts';
import { readModelFile } from '../model-file.ts';
import { writeWhole } from '../write-file.ts';

interface Options extends ServerOptions {
  imageDir?: string;
  model: string;
  member?: number;
  output: string;
  outputDir?: string;
}

type MemberFile = Record<string, [number, number]>;

/** Predictions of the heldout set measure what nobody has steered by. */
const sets = ['train', 'unlabelled', 'stop'];

const whole = (text: string) => {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('not a whole number');
  return Number(text);
};

/** `infer --model MODEL --image-dir DIR --output F`: an ensemble's predictions of the images of a folder, one file a member. */
export function addInfer(program: Command): void {
  withServer(
    program
      .command('infer')
      .description(
        "write an ensemble's predictions as JSON, id → [logit, logit], HQ first; the server made them when it was trained",
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
      .option('--output-dir <dir>', 'copies the images into its folders 0 (HQ) and 1 (LQ), as the member decides'),
  ).action(async ({ server, key, ...options }: Options) => {
    const model = await readModelFile(options.model);
    const images = options.imageDir === undefined ? undefined : await listImages(options.imageDir);
    const isAll = options.output.includes('{}');
    if (isAll && options.member !== undefined) throw invalidArgument('--member and {} in --output exclude each other');
    if (options.outputDir !== undefined && (images === undefined || isAll))
      throw invalidArgument('--output-dir needs --image-dir and one member');
    const members = isAll ? Array.from({ length: model.memberCount }, (_, at) => at) : [options.member ?? 0];
    if (members.some((member) => member >= model.memberCount))
      throw invalidArgument(`${options.model} has members 0 to ${model.memberCount - 1}`);
    let missing: number[] = [];
    for (const member of members) {
      const predictions = new Map<number, [number, number]>();
      for (const set of sets) {
        const run = model.predictionRuns[set];
        if (run === undefined) continue;
        const part = await askJson<MemberFile>({ server, key }, `/v1/prediction-runs/${run}/members/${member}.json`);
        for (const [pageId, logits] of Object.entries(part)) predictions.set(Number(pageId), logits);
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
        `${missing.length} images have no prediction, for their pages are in none of the sets ${sets.join(', ')}: ${missing.slice(0, 10).join(' ')}${missing.length > 10 ? ' …' : ''}`,
      );
  });
}

async function sortImages(
  from: string,
  images: readonly ImageFile[],
  predictions: Map<number, [number, number]>,
  to: string,
): Promise<void> {
  for (const decision of ['0', '1']) await mkdir(join(to, decision), { recursive: true });
  for (const { pageId, file } of images) {
    const logits = predictions.get(pageId);
    if (logits) await copyFile(join(from, file), join(to, logits[0] >= logits[1] ? '0' : '1', file));
  }
}
