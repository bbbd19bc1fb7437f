import { invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { askJson, askServer, type ServerOptions, serverOf, withOptionalServer } from '../ask-server.ts';
import { labelFolder } from '../label-folder.ts';
import { type FileLabel, type LabelNumbering, withZero, writeLabels } from '../reference-files.ts';

interface Options extends LabelNumbering {
  outputFile?: string;
  relabelDontcare?: boolean;
  port: number;
  queue: string;
  server?: string | true;
  key?: string;
}

/** `label IMAGE_DIR --output-file F`: label the images of a folder into a file; with --server: where to label, or its labels as a file. */
export function addLabel(program: Command): void {
  withOptionalServer(
    withZero(
      program
        .command('label')
        .description(
          'label the images of a folder in the browser (keys 1 HQ, 2 LQ, 3 NOT SURE, Backspace, Esc), going on where the file stops; needs no server',
        )
        .argument('[image-dir]', 'folder with <PageID>.<extension>')
        .option('-o, --output-file <file>', 'label file; with --server: the current labels are written into it')
        .option('--relabel-dontcare', 'ask the pages labelled NOT_SURE again')
        .option('--port <n>', 'of the page on this machine', port, 0)
        .option('--queue <name>', 'review queue of a server', 'review'),
    ),
  ).action(async (imageDir: string | undefined, options: Options) => {
    const server = serverOf(options);
    if (server) return await labelOnServer(server, options);
    if (imageDir === undefined) throw invalidArgument('image-dir is missing');
    if (options.outputFile === undefined) throw invalidArgument('--output-file is missing');
    const labelling = await labelFolder({
      folder: imageDir,
      file: options.outputFile,
      zero: options.zero,
      relabelNotSure: options.relabelDontcare ?? false,
      port: options.port,
    });
    console.log(`open ${labelling.address}`);
    const onSignal = () => labelling.stop();
    process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
    const { given, left } = await labelling.stopped;
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    console.log(`${given} labels given, ${left} images left`);
  });
}

const port = (text: string) => {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) throw new InvalidArgumentError('not a port');
  return value;
};

interface LabelPage {
  labels: { pageId: number; label: FileLabel }[];
  next: number | null;
}

async function labelOnServer(server: ServerOptions, { outputFile, queue, zero }: Options): Promise<void> {
  if (outputFile === undefined) {
    await askServer(server, `/v1/review-queues/${encodeURIComponent(queue)}?limit=1`);
    console.log(`open ${new URL(`/label?queue=${encodeURIComponent(queue)}`, server.server).href}`);
    return;
  }
  const labels: [number, FileLabel][] = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: LabelPage = await askJson(server, `/v1/labels?limit=1000&after=${after}`);
    labels.push(...page.labels.map(({ pageId, label }): [number, FileLabel] => [pageId, label]));
    after = page.next;
  }
  await writeLabels(outputFile, labels, { zero });
  console.log(`${labels.length} labels written to ${outputFile}`);
}
