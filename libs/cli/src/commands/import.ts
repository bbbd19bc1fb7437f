import { setTimeout as pause } from 'node:timers/promises';
import { AppError, cancelled, internal, messageFateOf } from '@florilegium/errors';
import type { Command } from 'commander';
import { askJson, askServer, type ServerOptions, withServer } from '../ask-server.ts';
import { type Bar, startBar } from '../progress-bar.ts';

interface ImportOptions extends ServerOptions {
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

const badLinesShown = 10;
const lostMaxMs = 60_000;
const reconnectDelayMs = 1000;

/** `import SOURCE`: has a running Florilegium import an export of BHL, and follows it with a bar. */
export function addImport(program: Command): void {
  withServer(
    program
      .command('import')
      .description('import an export of BHL into a running Florilegium')
      .argument('<source>', 'address of a configured host, or folder or .zip under a configured root'),
  )
    .option('--with-names', 'read the scientific names of kept pages too')
    .action(async (source: string, { withNames = false, ...server }: ImportOptions) => {
      const { id } = await askJson<ImportRun>(server, '/v1/imports', {
        body: { source, withNames },
        timeoutMs: 60_000,
      });
      console.error(`import ${id}`);
      const run = await follow(server, `/v1/imports/${id}/events`);
      await showBadLines(server, run);
      if (run.state === 'cancelled') throw cancelled(`import ${id} was cancelled`);
      if (run.state !== 'done') throw internal(`import ${id} failed: ${run.reason}`);
      const candidates = Object.entries(run.candidateCounts)
        .sort()
        .map(([rule, count]) => `${count} by ${rule}`);
      console.log(
        `${run.rowCount} rows, ${run.keptPageCount} pages kept (${run.newPageCount} new, ${run.changedPageCount} changed, ${run.vanishedPageCount} vanished), candidates: ${candidates.join(', ')}; ${run.badLineCount} bad lines`,
      );
    });
}

interface BadLine {
  file: string;
  line: number;
  reason: string;
}

/** The first lines that the import left out, also of one that failed for them. */
async function showBadLines(server: ServerOptions, run: ImportRun): Promise<void> {
  if (run.badLineCount === 0) return;
  const { badLines } = await askJson<{ badLines: BadLine[] }>(server, `/v1/imports/${run.id}/bad-lines`);
  const shown = badLines.slice(0, badLinesShown).map(({ file, line, reason }) => `${file}: line ${line}: ${reason}`);
  console.error([`${run.badLineCount} bad lines left out, the first of them:`, ...shown].join('\n  '));
}

/** Reads the run's server-sent events until it ends; a connection that breaks is opened again for a minute. */
async function follow(server: ServerOptions, path: string): Promise<ImportRun> {
  let bar: Bar | undefined;
  let heardAt = Date.now();
  try {
    for (;;) {
      try {
        for await (const run of progressOf(server, path)) {
          heardAt = Date.now();
          if (run.totalCount > 0) bar ??= startBar('import', run.totalCount, 'bytes');
          bar?.update(run.doneCount);
          if (['done', 'failed', 'cancelled'].includes(run.state)) return run;
        }
      } catch (error) {
        // A refusal stays one; a broken connection or a server that restarts may pass.
        const mayPass = !(error instanceof AppError) || messageFateOf(error.code) === 'retry';
        if (!mayPass || Date.now() - heardAt > lostMaxMs) throw error;
      }
      await pause(reconnectDelayMs);
    }
  } finally {
    bar?.stop();
  }
}

async function* progressOf(server: ServerOptions, path: string): AsyncGenerator<ImportRun> {
  const response = await askServer(server, path, { headers: { accept: 'text/event-stream' } });
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const ended = text.split('\n\n');
    text = ended.pop()!;
    for (const event of ended) {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      if (data !== undefined && event.includes('event: progress')) yield JSON.parse(data) as ImportRun;
    }
  }
}
