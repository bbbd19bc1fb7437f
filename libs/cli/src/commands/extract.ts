import { candidateRules, extractCandidates } from '@florilegium/bhl';
import type { Command } from 'commander';
import { findRule } from '../find-rule.ts';
import { openPageFile } from '../page-file-source.ts';
import { type Bar, startBar } from '../progress-bar.ts';
import { writeIdList } from '../write-id-list.ts';

/** `extract PAGE_FILE --output-file F [--rule NAME]`: the candidates of a page file, one id a line, ordered as text. */
export function addExtract(program: Command): void {
  program
    .command('extract')
    .description("select candidate pages from BHL's page.txt (plain, .gz, or inside data.zip); needs no server")
    .argument('<page-file>', 'page.txt, page.txt.gz, or data.zip')
    .requiredOption('--output-file <file>', 'list of PageIDs to write')
    .option('--rule <name>', `candidate rule: ${candidateRules.map((rule) => rule.name).join(' or ')}`, 'illustrated')
    .option('--rules-file <file>', 'JSON with more candidate rules')
    .action(async (pageFile: string, options: { outputFile: string; rule: string; rulesFile?: string }) => {
      const rule = await findRule(options);
      // What was read of the file, compressed or not, is what its length measures.
      let read = 0;
      let bar: Bar | undefined;
      const source = await openPageFile(pageFile, (bytes) => {
        read += bytes;
        bar?.update(read);
      });
      bar = startBar('extract', source.bytesTotal, 'bytes');
      const shown: string[] = [];
      const result = await extractCandidates(source.bytes, {
        file: pageFile,
        rule,
        onBadLine: ({ line, reason }) => {
          if (shown.length < 10) shown.push(`line ${line}: ${reason}`);
        },
      }).finally(() => bar?.stop());
      await writeIdList(options.outputFile, result.pageIds);
      console.error(
        `${result.pageIds.length} candidates of ${result.rows} rows by rule ${rule.rule.name} written to ${options.outputFile}`,
      );
      if (result.badLines > 0)
        console.error([`${result.badLines} bad lines left out, the first of them:`, ...shown].join('\n  '));
    });
}
