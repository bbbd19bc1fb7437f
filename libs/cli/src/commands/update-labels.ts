import { invalidArgument } from '@florilegium/errors';
import type { Command } from 'commander';
import { askJson, askServer, type ServerOptions, serverOf, withOptionalServer } from '../ask-server.ts';
import {
  type LabelNumbering,
  type Relabel,
  readLabels,
  readRelabels,
  withZero,
  writeLabels,
} from '../reference-files.ts';

interface Options extends LabelNumbering {
  inputLabels?: string;
  labelUpdate: string;
  outputFile?: string;
  server?: string | true;
  key?: string;
}

const shownMax = 20;

/** `update-labels`: takes the labels of a relabel file into a label file, or, with --server, into the labels of a running Florilegium. */
export function addUpdateLabels(program: Command): void {
  withOptionalServer(
    withZero(
      program
        .command('update-labels')
        .description('take the labels of a relabel file over; between files no server is needed')
        .requiredOption('--label-update <file>', 'JSON array of [id, label]')
        .option('--input-labels <file>', 'label file to start from')
        .option('-o, --output-file <file>', 'label file to write; may be the one that was read'),
    ),
  ).action(async (options: Options) => {
    const relabels = await readRelabels(options.labelUpdate, options);
    const unlabelled = relabels.find(({ label }) => label === undefined);
    if (unlabelled)
      throw invalidArgument(
        `${options.labelUpdate}: line ${unlabelled.line}: ${unlabelled.pageId} has no label; such pages are labelled by a person (florilegium label)`,
      );
    const server = serverOf(options);
    if (server) return await updateServer(server, relabels as Labelled[], options.labelUpdate);
    const { inputLabels, outputFile } = options;
    if (inputLabels === undefined) throw invalidArgument('--input-labels is missing');
    if (outputFile === undefined) throw invalidArgument('--output-file is missing');
    const labels = await readLabels(inputLabels, options);
    const originalCount = labels.size;
    const overwritten: string[] = [];
    for (const { pageId, label } of relabels as Labelled[]) {
      const before = labels.get(pageId);
      if (before !== undefined) overwritten.push(`${pageId} ${before} → ${label}`);
      labels.set(pageId, label);
    }
    await writeLabels(outputFile, labels, options);
    console.log(`Original label count: ${originalCount}`);
    console.log(`New label count: ${labels.size}`);
    console.log(`Overwrite count: ${overwritten.length}`);
    for (const line of overwritten.slice(0, shownMax)) console.log(`  ${line}`);
    if (overwritten.length > shownMax) console.log(`  and ${overwritten.length - shownMax} more`);
  });
}

type Labelled = Relabel & { label: NonNullable<Relabel['label']> };

/** What the server takes in one request. */
const requestLabelsMax = 500;

async function updateServer(server: ServerOptions, relabels: readonly Labelled[], file: string): Promise<void> {
  await askServer(server, '/v1/labels/summary');
  let recorded = 0;
  let refusals = 0;
  for (let start = 0; start < relabels.length; start += requestLabelsMax) {
    const part = relabels.slice(start, start + requestLabelsMax);
    const answer = await askJson<{ recordedCount: number; refused: { index: number; message: string }[] }>(
      server,
      '/v1/labels',
      { body: { labels: part.map(({ pageId, label }) => ({ pageId, label, queue: 'relabels' })) } },
    );
    recorded += answer.recordedCount;
    refusals += answer.refused.length;
    for (const { index, message } of answer.refused) {
      const { line, pageId } = part[index]!;
      console.error(`${file}: line ${line}: page ${pageId}: ${message}`);
    }
  }
  console.log(`${recorded} labels recorded, ${refusals} refused`);
  if (refusals > 0) throw invalidArgument(`${refusals} labels were refused`);
}
