import { readFile } from 'node:fs/promises';
import { drawIds, parseIdList } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { writeIdList } from '../write-id-list.ts';

const whole = (text: string) => {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('not a whole number');
  return Number(text);
};

/** `sample LIST --count N --seed S [--exclude LIST]`: a random draw that depends only on the seed and the ids. */
export function addSample(program: Command): void {
  program
    .command('sample')
    .description('draw pages at random from a list of ids; needs no server')
    .argument('<list>', 'list of PageIDs, one a line')
    .requiredOption('--count <n>', 'how many to draw', whole)
    .option('--seed <n>', 'decides the draw', whole, 1)
    .option('--exclude <list>', 'ids that are not drawn')
    .option('--output-file <file>', 'where to write them (default: standard output)')
    .action(async (list: string, options: { count: number; seed: number; exclude?: string; outputFile?: string }) => {
      const excluded = new Set(
        options.exclude === undefined ? [] : parseIdList(await readFile(options.exclude, 'utf8')),
      );
      const ids = new Set(parseIdList(await readFile(list, 'utf8')));
      for (const id of excluded) ids.delete(id);
      if (options.count > ids.size)
        throw invalidArgument(
          `--count ${options.count} is more than the ${ids.size} ids that ${list} leaves to draw from`,
        );
      const drawn = drawIds(ids, options.count, options.seed, 'sample');
      if (options.outputFile === undefined) process.stdout.write(drawn.map((id) => `${id}\n`).join(''));
      else await writeIdList(options.outputFile, drawn);
    });
}
