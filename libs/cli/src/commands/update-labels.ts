import { invalidArgument } from '@florilegium/errors';
import type { Command } from 'commander';
import { askJson, type ServerOptions, serverOf, withOptionalServer } from '../ask-server.ts';
import {
  type LabelNumbering,
  labelNumberIn,
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
    if (server) return await updateServer(server, relabels as Labelled[], options);
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
    tellOverwritten(overwritten.length, overwritten);
  });
}

type Labelled = Relabel & { label: NonNullable<Relabel['label']> };

/** What curation tells of an imported labels file; the first thousand that it overwrote or refused by name. */
interface LabelsImported {
  recordedCount: number;
  unchangedCount: number;
  overwrittenCount: number;
  overwritten: { pageId: number; before: string; now: string; by: string }[];
  refusedCount: number;
  refused: { line: number; message: string }[];
}

/** As one labels file, which is one transaction: sent again after a failure on the way it doubles nothing. */
async function updateServer(server: ServerOptions, relabels: readonly Labelled[], options: Options): Promise<void> {
  // Of a page that comes twice the last row counts, as between files.
  const rows = [...new Map(relabels.map((relabel) => [relabel.pageId, relabel])).values()];
  // A row on each line, so that a line that is refused tells its row.
  const jsonText = `{${rows.map(({ pageId, label }) => `"${pageId}": ${labelNumberIn(label, options)}`).join(',\n')}}`;
  const answer = await askJson<LabelsImported>(server, `/v1/labels/file?zero=${options.zero}`, { jsonText });
  for (const { line, message } of answer.refused)
    console.error(`${options.labelUpdate}: line ${rows[line - 1]!.line}: ${message}`);
  console.log(
    `${answer.recordedCount} labels recorded, ${answer.unchangedCount} stood already, ${answer.refusedCount} refused`,
  );
  tellOverwritten(
    answer.overwrittenCount,
    answer.overwritten.map(({ pageId, before, now, by }) => `${pageId} ${before} (${by}) → ${now}`),
  );
  if (answer.refusedCount > 0) throw invalidArgument(`${answer.refusedCount} labels were refused`);
}

function tellOverwritten(count: number, lines: readonly string[]): void {
  console.log(`Overwrite count: ${count}`);
  for (const line of lines.slice(0, shownMax)) console.log(`  ${line}`);
  if (count > shownMax) console.log(`  and ${count - shownMax} more`);
}
