import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { candidateRule, candidateRules, extractCandidates } from '@florilegium/bhl';
import type { Command } from 'commander';
import { startBar } from '../progress-bar.ts';
import { writeIdList } from '../write-id-list.ts';

/** `extract PAGE_FILE --output-file F [--rule NAME]`: the candidates of a page file, one id a line, ordered as text. */
export function addExtract(program: Command): void {
  program
    .command('extract')
    .description("select candidate pages from BHL's page.txt (plain or .gz); needs no server")
    .argument('<page-file>', 'page.txt or page.txt.gz')
    .requiredOption('--output-file <file>', 'list of PageIDs to write')
    .option('--rule <name>', `candidate rule: ${candidateRules.map((rule) => rule.name).join(' or ')}`, 'illustrated')
    .action(async (pageFile: string, options: { outputFile: string; rule: string }) => {
      const rule = candidateRule(options.rule);
      const size = (await stat(pageFile)).size;
      const bar = startBar('extract', size, 'bytes');
      // What was read of the file, compressed or not, is what its length measures.
      let read = 0;
      const source = createReadStream(pageFile, { highWaterMark: 1 << 20 }).on('data', (chunk) => {
        read += chunk.length;
        bar.update(read);
      });
      const shown: string[] = [];
      const result = await extractCandidates(source, {
        file: pageFile,
        rule,
        onBadLine: ({ line, reason }) => {
          if (shown.length < 10) shown.push(`line ${line}: ${reason}`);
        },
      }).finally(() => bar.stop());
      await writeIdList(options.outputFile, result.pageIds);
      console.error(
        `${result.pageIds.length} candidates of ${result.rows} rows by rule ${rule.rule.name} written to ${options.outputFile}`,
      );
      if (result.badLines > 0)
        console.error([`${result.badLines} bad lines left out, the first of them:`, ...shown].join('\n  '));
    });
}
