// The main job from top to bottom: import, draw the sets, fetch, embed, label, iterate, publish, audit, download. Each step asks the services what
// is done already, so a job that was cut off goes on where it was; idempotency keys make a repeated start harmless.
import { join } from 'node:path';
import { failedPrecondition } from '@florilegium/errors';
import { type KnownLibrary, openKnownLibrary } from '@florilegium/simulated';
import { downloadList } from './download-list.ts';
import { followRun, type Run } from './follow-run.ts';
import { type JobFile, saveJob } from './job-file.ts';
import type { MainJobOptions } from './options.ts';
import { planBudget } from './plan-budget.ts';
import type { Progress, StepProgress } from './progress.ts';
import { createRestClient, type RestClient } from './rest-client.ts';
import type { IterationSummary, Summary } from './summary.ts';
import { waitForEmbeddings } from './wait-for-embeddings.ts';

export interface MainJobDeps {
  options: MainJobOptions;
  job: JobFile;
  gatewayUrl: string;
  /** Where catalog finds the export: an address or a folder that it may read. */
  source: string;
  /** The folder of the library that is served, with its truth; undefined for the real BHL, where a person labels. */
  libraryDir: string;
  curatorKey: string;
  /** Of an operator, where services ask for keys. */
  operatorKey?: string;
  progress: Progress;
  signal: AbortSignal;
}

interface Import extends Run {
  pageCount: number;
  keptPageCount: number;
  candidateCounts: Record<string, number>;
}
interface PageSet {
  id: string;
  name: string;
  pageCount: number;
}
interface FetchRun extends Run {
  storedCount: number;
  failedCount: number;
  imagesPerSecond: number;
  bytesPerSecond: number;
}
interface Iteration {
  number: number;
  state: string;
  reason: string | null;
  labelCount: number;
  curves: { meanEntropy: number | null; meanDisagreement: number | null } | null;
  predictionRuns: Record<string, string>;
}
interface HqList {
  version: number;
  state: string;
  reason: string | null;
  pageCount: number;
  auditCount: number;
  auditedCount: number;
  precision: number | null;
  precisionLow: number | null;
  precisionHigh: number | null;
  recall: number | null;
}
interface Sets {
  heldout: PageSet;
  stop: PageSet;
  train: PageSet;
  unlabelled: PageSet;
  candidates: PageSet | undefined;
}

const rule = 'illustrated';

export type MainJob = ReturnType<typeof createMainJob>;

export function createMainJob(deps: MainJobDeps) {
  const { options, job, gatewayUrl, progress, signal } = deps;
  const rest = createRestClient({ baseUrl: gatewayUrl, signal, apiKey: deps.operatorKey });

  /** Runs one step, measures it (over all starts of the job together) and says how it ended. */
  async function step<Result>(
    name: string,
    work: (bar: StepProgress) => Promise<Result>,
    count: (result: Result) => string,
  ): Promise<Result> {
    const bar = progress.step(name);
    const startedAt = performance.now();
    const result = await work(bar);
    const seconds = Math.round(((job.steps[name]?.seconds ?? 0) + (performance.now() - startedAt) / 1000) * 10) / 10;
    job.steps[name] = { count: count(result), seconds };
    await saveJob(options.dataDir, job);
    bar.end(`${count(result)}, ${seconds.toFixed(1)} s`);
    return result;
  }

  const key = (name: string) => `${job.jobId}-${name}`;

  async function prepare() {
    const imported = await step(
      'import',
      (bar) => importExport(rest, deps.source, key('import'), bar, signal),
      (run) => `${run.pageCount} pages`,
    );
    const sets = await step(
      'draw page sets',
      () => drawSets(rest, options),
      (drawn) =>
        `${[drawn.heldout, drawn.stop, drawn.train, drawn.unlabelled].map((set) => `${set.name} ${set.pageCount}`).join(', ')}`,
    );
    const selection = sets.candidates ? { pageSetId: sets.candidates.id } : { rule };
    const fetched = await step(
      'fetch images',
      async (bar) => {
        const run = await rest.post<FetchRun>('/v1/fetch-runs', { ...selection, size: 'medium' }, key('fetch'));
        return await followRun<FetchRun>({
          rest,
          path: `/v1/fetch-runs/${run.id}`,
          signal,
          progress: bar,
          paceOf: ({ imagesPerSecond, bytesPerSecond }) =>
            `${imagesPerSecond} images/s, ${(bytesPerSecond / 1e6).toFixed(1)} MB/s`,
        });
      },
      (run) => `${run.storedCount} images${run.failedCount ? `, ${run.failedCount} failed` : ''}`,
    );
    await step(
      'embed images',
      (progress) => waitForEmbeddings({ rest, images: fetched.storedCount, progress, signal }),
      (counts) => `${counts.embedded} embeddings`,
    );
    const candidates = sets.candidates?.pageCount ?? imported.candidateCounts[rule] ?? 0;
    return { imported, sets, fetched, candidates };
  }

  return {
    /** The whole job, labelled by the simulated curator. */
    run: async (): Promise<Summary> => {
      const { imported, sets, fetched, candidates } = await prepare();
      const library = await openKnownLibrary(deps.libraryDir);
      const curator = library.curator({ baseUrl: gatewayUrl, apiKey: deps.curatorKey, seed: options.seed, signal });
      const plan = planBudget({
        budget: options.budget,
        iterations: options.iterations,
        trainPages: sets.train.pageCount,
        unlabelledPages: sets.unlabelled.pageCount,
      });

      const label = (
        name: string,
        queue: Parameters<typeof curator.labelQueue>[0],
        target: number,
        iteration?: number,
      ) =>
        step(
          name,
          (bar) =>
            curator.labelQueue(queue, {
              target,
              ...(iteration === undefined ? {} : { iteration }),
              onProgress: (done, all) => bar.update(done, all),
            }),
          ({ byQueueTotal }) => `${byQueueTotal} labels in all`,
        );

      await label('label the train set', 'initial', plan.initial);
      const iterations: IterationSummary[] = [];
      for (let number = 1; number <= options.iterations; number++) {
        const iteration = await step(
          `iteration ${number}`,
          () => runIteration(rest, number, options.seed, key(`iteration-${number}`), signal),
          (done) => `${done.labelCount} labels`,
        );
        iterations.push(await scoreIteration(rest, iteration, library));
        if (number === options.iterations) break;
        await label(`review ${number}`, 'review', plan.perReview * number, number);
        await label(`mend ${number}`, 'misprediction', plan.perMending * number, number);
      }
      const list = await step(
        'publish the HQ list',
        async () => {
          const started = await rest.post<HqList>('/v1/hq-lists', { rule, auditCount: plan.audit }, key('list'));
          return await followRun<HqList>({
            rest,
            path: `/v1/hq-lists/${started.version}`,
            signal,
            until: ['auditing', 'published'],
          });
        },
        (published) => `${published.pageCount} pages`,
      );
      await label('audit the list', 'audit', list.auditCount);
      const audited = await followRun<HqList>({
        rest,
        path: `/v1/hq-lists/${list.version}`,
        signal,
        until: ['published'],
      });
      await step(
        'download the HQ images',
        (bar) =>
          downloadList({
            rest,
            version: list.version,
            dir: join(options.dataDir, `hq-images-v${list.version}`),
            progress: bar,
          }),
        ({ written, missing }) => `${written} images${missing ? `, ${missing} missing` : ''}`,
      );
      const backbone = await rest.get<{ name: string; note: string }>('/v1/predictions/backbone');
      const labels = await rest.get<{ askedCount: number }>('/v1/labels/summary');
      const baseline = await library.colouredShareAuc(pagesOfSet(rest, sets.heldout.id));
      const summary: Summary = {
        ok: true,
        seconds: Math.round(Object.values(job.steps).reduce((sum, { seconds }) => sum + seconds, 0) * 10) / 10,
        backbone: backbone.name,
        pages: imported.pageCount,
        candidates,
        images: fetched.storedCount,
        imagesFailed: fetched.failedCount,
        labels: labels.askedCount,
        iterations,
        list: {
          version: audited.version,
          pages: audited.pageCount,
          precision: rounded(audited.precision),
          precisionLow: rounded(audited.precisionLow),
          precisionHigh: rounded(audited.precisionHigh),
          recall: rounded(audited.recall),
        },
        baseline: { colouredShareAuc: rounded(baseline) },
      };
      job.summary = summary;
      job.backboneNote = backbone.note;
      await saveJob(options.dataDir, job);
      return summary;
    },
  };
}

const rounded = (value: number | null) => Math.round((value ?? 0) * 10_000) / 10_000;

async function importExport(
  rest: RestClient,
  source: string,
  idempotencyKey: string,
  bar: StepProgress,
  signal: AbortSignal,
): Promise<Import> {
  const started = await rest.post<Import>('/v1/imports', { source }, idempotencyKey);
  return await followRun<Import>({ rest, path: `/v1/imports/${started.id}`, signal, progress: bar });
}

/** The four sets of DESIGN.md section 4, in their order, each excluding those before it. */
async function drawSets(rest: RestClient, { seed, budget, maxCandidates }: MainJobOptions): Promise<Sets> {
  const draw = (name: string, body: Record<string, unknown>) =>
    rest.post<PageSet>('/v1/page-sets', { name, rule, seed, ...body }, `page-set-${name}`);
  const candidates =
    maxCandidates === undefined ? undefined : await draw('candidates', { countMax: maxCandidates, wholeItems: true });
  const within = candidates ? { withinPageSetId: candidates.id } : {};
  const heldout = await draw('heldout', { ...within, shareMax: 0.2, wholeItems: true });
  const stop = await draw('stop', { ...within, countMax: 1000, shareMax: 0.1, excludePageSetIds: [heldout.id] });
  const train = await draw('train', {
    ...within,
    countMax: Math.min(1000, Math.floor(budget / 2)),
    shareMax: 0.3,
    excludePageSetIds: [heldout.id, stop.id],
  });
  const unlabelled = await draw('unlabelled', {
    ...within,
    countMax: 10_000,
    excludePageSetIds: [heldout.id, stop.id, train.id],
  });
  return { heldout, stop, train, unlabelled, candidates };
}

async function runIteration(
  rest: RestClient,
  number: number,
  seed: number,
  idempotencyKey: string,
  signal: AbortSignal,
): Promise<Iteration> {
  const started = await rest.post<Iteration>(
    '/v1/iterations',
    { method: 'probe', parameters: { seed } },
    idempotencyKey,
  );
  if (started.number !== number)
    throw failedPrecondition(`iteration ${started.number} was started elsewhere; this job expected ${number}`);
  return await followRun<Iteration>({ rest, path: `/v1/iterations/${number}`, signal, until: ['review', 'closed'] });
}

async function scoreIteration(
  rest: RestClient,
  iteration: Iteration,
  library: KnownLibrary,
): Promise<IterationSummary> {
  const predictions: { pageId: number; mean: number }[] = [];
  const runId = iteration.predictionRuns.heldout;
  let after: number | null = null;
  do {
    const path: string = `/v1/predictions?runId=${runId}&limit=1000${after === null ? '' : `&after=${after}`}`;
    const part: { predictions: { pageId: number; mean: number }[]; next: number | null } = await rest.get(path);
    predictions.push(...part.predictions);
    after = part.next;
  } while (after !== null);
  const { accuracy, auc } = library.heldoutScores(predictions);
  return {
    n: iteration.number,
    labels: iteration.labelCount,
    heldoutAccuracy: rounded(accuracy),
    heldoutAuc: rounded(auc),
    disagreement: rounded(iteration.curves?.meanDisagreement ?? null),
    entropy: rounded(iteration.curves?.meanEntropy ?? null),
  };
}

async function* pagesOfSet(
  rest: RestClient,
  pageSetId: string,
): AsyncGenerator<{ pageId: number; barCode: string; sequence: number }> {
  let after: number | null = null;
  do {
    const path: string = `/v1/pages?pageSetId=${pageSetId}&limit=1000${after === null ? '' : `&after=${after}`}`;
    const part: { pages: { pageId: number; barCode: string; sequence: number }[]; next: number | null } =
      await rest.get(path);
    yield* part.pages;
    after = part.next;
  } while (after !== null);
}
