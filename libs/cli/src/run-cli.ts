import { messageOf } from '@florilegium/errors';
import { Command, CommanderError } from 'commander';
import { addAnalyze } from './commands/analyze.ts';
import { addDownload } from './commands/download.ts';
import { addExtract } from './commands/extract.ts';
import { addImport } from './commands/import.ts';
import { addInfer } from './commands/infer.ts';
import { addLabel } from './commands/label.ts';
import { addLists } from './commands/lists.ts';
import { addSample } from './commands/sample.ts';
import { addTrain } from './commands/train.ts';
import { addUpdateImages } from './commands/update-images.ts';
import { addUpdateLabels } from './commands/update-labels.ts';
import { addWhy } from './commands/why.ts';

/** Runs one command line; gives the exit status. Options may be spelt with underscores, as the reference project's scripts spell them. */
export async function runCli(args: readonly string[]): Promise<number> {
  const program = new Command('florilegium')
    .description('Finds the beautiful natural-history plates in the Biodiversity Heritage Library')
    .showHelpAfterError('(see --help)')
    .exitOverride();
  addExtract(program);
  addWhy(program);
  addDownload(program);
  addSample(program);
  addLabel(program);
  addTrain(program);
  addInfer(program);
  addAnalyze(program);
  addUpdateLabels(program);
  addUpdateImages(program);
  addImport(program);
  addLists(program);
  try {
    await program.parseAsync(
      args.map((arg, at) => (at === 0 ? arg.replaceAll('_', '-') : withHyphens(arg))),
      {
        from: 'user',
      },
    );
    return 0;
  } catch (error) {
    // Commander has said it already; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode;
    console.error(`florilegium: ${messageOf(error)}`);
    return 1;
  }
}

/** `--output_file=a_b` → `--output-file=a_b`, `update_labels` → `update-labels`; what follows a command is left as it is. */
function withHyphens(arg: string): string {
  if (!arg.startsWith('--')) return arg;
  const [name, ...value] = arg.split('=');
  return [name!.replaceAll('_', '-'), ...value].join('=');
}
