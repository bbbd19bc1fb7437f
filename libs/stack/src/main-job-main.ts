// What `npm start` runs, once everything is installed: the stack, the simulated BHL where one is wanted, the main job, its summary.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashApiKey } from '@florilegium/auth';
import { invalidArgument, messageOf } from '@florilegium/errors';
import { drawSampleLibrary, openKnownLibrary, openLibraryFolder } from '@florilegium/simulated';
import { type JobFile, openJob } from './main-job/job-file.ts';
import { type MainJobOptions, parseOptions, usage } from './main-job/options.ts';
import { createProgress, type Progress } from './main-job/progress.ts';
import { createMainJob } from './main-job/run-main-job.ts';
import { formatSummary, type Summary } from './main-job/summary.ts';
import { type StackProgram, servicePrograms } from './service-programs.ts';
import { type RunningStack, startStack } from './start-stack.ts';
import { stopSignal } from './stop-signal.ts';

const curatorKey = 'simulated-curator-of-this-loopback';

const { signal, exitStatus } = stopSignal();
const progress = createProgress();
let stack: RunningStack | undefined;
// Printed when everything has stopped: with both streams in one file it is still the last line.
let lastLine: string | undefined;
try {
  // npm runs scripts in the project's folder; relative paths are meant from where the person typed.
  const options = parseOptions(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd());
  if (options.help) console.log(usage);
  else await main(options);
} catch (error) {
  await stack?.stop();
  if (signal.aborted) process.exit(exitStatus() || 1);
  progress.say(`florilegium: ${oneLine(error)}`);
  process.exit(1);
}
await stack?.stop();
if (lastLine !== undefined) console.log(lastLine);
process.exit(signal.aborted ? exitStatus() : 0);

async function main(options: MainJobOptions): Promise<void> {
  if (options.library.kind === 'folder') await checkLibrary(options.library.dir);
  const job = await openJob(options);
  if (job.summary && options.exit) return printSummary(job.summary, job, true);
  const libraryDir = await libraryOf(options, progress);
  if (libraryDir === undefined)
    progress.say(
      `from BHL's public bucket will be downloaded, once you say so in the browser: the page export (several hundred MB) and the images of at most ${options.maxCandidates} candidate pages (about 20 KB each)`,
    );
  stack = await startStack({
    dataDir: options.dataDir,
    gatewayPort: options.port,
    programs: libraryDir === undefined ? servicePrograms : [simulatedBhl(libraryDir), ...servicePrograms],
    apiKeys: `simulated-curator:curator:${hashApiKey(curatorKey)}`,
    programEnv: (urls) => (libraryDir === undefined ? {} : simulatedSources(urls['simulated-bhl']!)),
    log: progress.say,
    signal,
  });
  const { gatewayUrl, serviceUrls } = stack;
  const ended = stack.failed.then((error) => {
    throw error;
  });
  const work = async () => {
    if (job.summary) return printSummary(job.summary, job, options.exit);
    if (libraryDir === undefined) {
      const address = `${gatewayUrl}/begin?limit=${options.maxCandidates}&seed=${options.seed}`;
      progress.say(`from nothing to the first iteration, step by step in the browser: ${address}`);
      return;
    }
    const mainJob = createMainJob({
      options,
      job,
      gatewayUrl,
      source: serviceUrls['simulated-bhl']!,
      libraryDir,
      curatorKey,
      progress,
      signal,
    });
    printSummary(await mainJob.run(), job, options.exit);
  };
  await Promise.race([work(), ended]);
  if (options.exit) return;
  console.log(
    `\nUI        ${gatewayUrl}/\nAPI docs  ${gatewayUrl}/docs\nlogs      ${stack.logsDir}\nCtrl-C ends it; npm start resumes.`,
  );
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([signal.aborted ? undefined : stopped, ended]);
}

function printSummary(summary: Summary, job: JobFile, withJson: boolean): void {
  const steps = Object.entries(job.steps).map(([step, { count, seconds }]) => ({ step, count, seconds }));
  console.log(formatSummary(summary, steps, job.backboneNote ?? ''));
  if (withJson) lastLine = JSON.stringify(summary);
}

async function checkLibrary(dir: string): Promise<void> {
  await openLibraryFolder(dir);
  await openKnownLibrary(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw invalidArgument(
      `${dir} has no truth for the simulated curator to label from; to label yourself use --library bhl`,
      { cause: error },
    );
  });
}

/** The folder of the library to serve; the built-in one is drawn when it is not there yet. */
async function libraryOf({ library, dataDir }: MainJobOptions, { step }: Progress): Promise<string | undefined> {
  if (library.kind === 'bhl') return undefined;
  if (library.kind === 'folder') return library.dir;
  const dir = join(dataDir, 'sample-library');
  const bar = step('draw the sample library');
  const startedAt = performance.now();
  // Its own seed, not the job's: the job's draws differ from seed to seed, the library stays.
  const drawn = await drawSampleLibrary({ dir, seed: 1, onProgress: (done, total) => bar.update(done, total) });
  bar.end(`${drawn.pageCount} pages, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return dir;
}

function simulatedBhl(libraryDir: string): StackProgram {
  return {
    name: 'simulated-bhl',
    main: fileURLToPath(new URL('../../simulated/src/simulated-bhl-main.ts', import.meta.url)),
    env: { LIBRARY: libraryDir },
    readyPath: '/images/image_not_found.jpg',
  };
}

/** The simulated BHL stands in for the bucket and for BHL's own pages, with the limits that a machine of our own can bear. */
function simulatedSources(url: string): Record<string, Record<string, string>> {
  const limits = { baseUrl: url, requestsPerSecond: 500, inFlightMax: 32 };
  const sources = [
    { name: 'simulated-bucket', addressing: 'bucket', ...limits },
    { name: 'simulated-bhl', addressing: 'pageimage', ...limits },
  ];
  return {
    catalog: { IMPORT_HOSTS: new URL(url).host },
    fetcher: { SOURCES: JSON.stringify(sources) },
  };
}

/** One line, whatever was thrown; what else there is to know stands in the logs. */
function oneLine(error: unknown): string {
  return messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
}
