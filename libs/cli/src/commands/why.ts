import { candidateRules, type PageFileRow, type RuleOutcome, readPageFile } from '@florilegium/bhl';
import { notFound } from '@florilegium/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { findRule } from '../find-rule.ts';
import { openPageFile } from '../page-file-source.ts';
import { type Bar, startBar } from '../progress-bar.ts';

const pageIdOf = (text: string) => {
  if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 31) throw new InvalidArgumentError('not a PageID');
  return Number(text);
};

const sentences: Record<RuleOutcome, string> = {
  selected: 'is selected: these rows match',
  no_row_matches: 'is not selected: no row matches',
  another_row_does_not_match: 'is not selected: the rule wants every row to match, and these do not',
};

/** Rows of one page that are shown. */
const rowsMax = 1000;

/** `why PAGE_FILE PAGE_ID [--rule NAME]`: why a rule selects a page of a page file or not, by the rows that decide. */
export function addWhy(program: Command): void {
  program
    .command('why')
    .description('tell why a rule selects a page of a page file or not, by the rows that decide; needs no server')
    .argument('<page-file>', 'page.txt, page.txt.gz, or data.zip')
    .argument('<page-id>', "BHL's PageID", pageIdOf)
    .option('--rule <name>', `candidate rule: ${candidateRules.map((rule) => rule.name).join(' or ')}`, 'illustrated')
    .option('--rules-file <file>', 'JSON with more candidate rules')
    .action(async (pageFile: string, pageId: number, options: { rule: string; rulesFile?: string }) => {
      const rule = await findRule(options);
      const rows = await rowsOf(pageFile, pageId);
      if (rows.length === 0) throw notFound(`${pageFile}: page`, pageId);
      const { outcome, rows: judged } = rule.explain(rows);
      console.log(
        `page ${pageId} ${sentences[outcome]} (rule ${rule.rule.name} version ${rule.rule.version}, ${rows.length} rows)`,
      );
      for (const { row, decided, typeMatches, prefixPattern } of judged) {
        if (!decided) continue;
        const by = [typeMatches ? 'type' : '', prefixPattern ? `prefix pattern ${prefixPattern.name}` : ''];
        const matched = by.filter((name) => name !== '').join(' and ') || 'nothing';
        console.log(
          `  line ${row.line}: prefix "${row.prefix}", number "${row.number}", type "${row.typeName}": ${matched} matches`,
        );
      }
    });
}

/** The rows of a page, which need not stand together: the whole file is read. */
async function rowsOf(pageFile: string, pageId: number): Promise<(PageFileRow & { line: number })[]> {
  const rows: (PageFileRow & { line: number })[] = [];
  let read = 0;
  let bar: Bar | undefined;
  const source = await openPageFile(pageFile, (bytes) => {
    read += bytes;
    bar?.update(read);
  });
  bar = startBar('why', source.bytesTotal, 'bytes');
  try {
    const reading = readPageFile(source.bytes, {
      file: pageFile,
      kindOf: () => undefined,
      onRow: (row) => {
        if (row.pageId === pageId && rows.length < rowsMax) rows.push({ ...row.fields(), line: row.line });
      },
    });
    for await (const _ of reading);
  } finally {
    bar.stop();
  }
  return rows;
}
