import { setTimeout as pause } from 'node:timers/promises';
import { internal, invalidArgument, messageOf, unavailable } from '@florilegium/errors';
import type { Command } from 'commander';
import { type Bar, startBar } from '../progress-bar.ts';

interface ImportOptions {
  server: string;
  key?: string;
  withNames?: boolean;
}

interface ImportRun {
  id: string;
  state: string;
  reason: string | null;
  doneCount: number;
  totalCount: number;
  rowCount: number;
  keptPageCount: number;
  newPageCount: number;
  changedPageCount: number;
  vanishedPageCount: number;
  badLineCount: number;
  candidateCounts: Record<string, number>;
}

const lostMaxMs = 60_000;

/** `import SOURCE`: has a running Florilegium import an export of BHL, and follows it with a bar. */
export function addImport(program: Command): void {
  program
    .command('import')
    .description('import an export of BHL into a running Florilegium')
    .argument('<source>', 'address of a configured host, or folder or .zip under a configured root')
    .option('--server <address>', 'of the gateway', 'http://127.0.0.1:8080')
    .option('--key <key>', 'API key of an operator')
    .option('--with-names', 'read the scientific names of kept pages too')
    .action(async (source: string, { server, key, withNames = false }: ImportOptions) => {
      if (!URL.canParse(server)) throw invalidArgument(`--server is not an address: ${server}`);
      const headers: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
      const started = await fetch(new URL('/v1/imports', server), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ source, withNames }),
        signal: AbortSignal.timeout(60_000),
      });
      const body = (await started.json()) as ImportRun & { detail?: string };
      if (!started.ok) throw internal(`the import was refused: ${body.detail ?? started.status}`);
      console.error(`import ${body.id}`);
      const run = await follow(new URL(`/v1/imports/${body.id}/events`, server), headers);
      if (run.state !== 'done')
        throw internal(`import ${run.id} is ${run.state}${run.reason ? `: ${run.reason}` : ''}`);
      const candidates = Object.entries(run.candidateCounts).map(([rule, count]) => `${count} by ${rule}`);
      console.log(
        `${run.rowCount} rows, ${run.keptPageCount} pages kept (${run.newPageCount} new, ${run.changedPageCount} changed, ${run.vanishedPageCount} vanished), candidates: ${candidates.join(', ')}; ${run.badLineCount} bad lines`,
      );
    });
}

/** Reads the run's server-sent events until it ends; a connection that breaks is opened again for a minute. */
async function follow(events: URL, headers: Record<string, string>): Promise<ImportRun> {
  let bar: Bar | undefined;
  let heardAt = Date.now();
  try {
    for (;;) {
      try {
        for await (const run of progressOf(events, headers)) {
          heardAt = Date.now();
          if (run.totalCount > 0) bar ??= startBar('import', run.totalCount, 'bytes');
          bar?.update(run.doneCount);
          if (['done', 'failed', 'cancelled'].includes(run.state)) return run;
        }
      } catch (error) {
        if (Date.now() - heardAt > lostMaxMs)
          throw unavailable(`${events.href}: ${messageOf(error)}`, { cause: error });
      }
      await pause(1000);
    }
  } finally {
    bar?.stop();
  }
}

async function* progressOf(events: URL, headers: Record<string, string>): AsyncGenerator<ImportRun> {
  const response = await fetch(events, { headers });
  if (!response.ok || !response.body) throw internal(`${events.pathname} answered ${response.status}`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const ended = text.split('\n\n');
    text = ended.pop()!;
    for (const event of ended) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data !== undefined && event.includes('event: progress')) yield JSON.parse(data) as ImportRun;
    }
  }
}
