import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { drawSampleLibrary } from '@florilegium/simulated';
import { type EmbeddedLibrary, embedLibrary, openBackbone } from './embed-library.ts';
import type { Options } from './options.ts';
import { plotOf } from './plot.ts';
import { startProgress } from './progress.ts';
import { type LabelledLibrary, readLibrary } from './read-library.ts';
import { type BackboneReport, reportOf } from './report.ts';
import { runCurves, type SplitPoint } from './run-curves.ts';
import { splitByItem, splitByLibrary } from './splits.ts';

/** Evaluates each backbone in turn, printing as it goes; writes the rows and the plot. */
export async function evaluate(options: Options, print: (text: string) => void): Promise<BackboneReport[]> {
  // Files that cannot be written should be known before an hour of work, not after it.
  for (const path of [options.json, options.plot]) if (path) await mkdir(dirname(path), { recursive: true });
  const library = await readLibrary(options.library ?? (await sampleLibrary(options)), options.pages);
  const heldout = options.heldout === undefined ? undefined : await readLibrary(options.heldout, options.pages);
  const reports: BackboneReport[] = [];
  for (const wish of options.backbones) {
    const report = await evaluateBackbone(wish, library, heldout, options);
    print(`${reports.length > 0 ? '\n' : ''}${report.text}`);
    reports.push(report);
  }
  if (options.json)
    await writeFile(
      options.json,
      `[\n${reports.flatMap(({ rows }) => rows.map((row) => JSON.stringify(row))).join(',\n')}\n]\n`,
    );
  if (options.plot) await writeFile(options.plot, plotOf(reports, sceneOf(library, heldout, options)));
  for (const path of [options.json, options.plot]) if (path) print(`written: ${path}`);
  return reports;
}

async function evaluateBackbone(
  wish: string,
  library: LabelledLibrary,
  heldout: LabelledLibrary | undefined,
  options: Options,
): Promise<BackboneReport> {
  const chosen = await openBackbone({ wish, ...options });
  const backbone = chosen.recipe.name;
  const embed = async (source: LabelledLibrary, name: string, toneSeed: number | undefined) => {
    const bar = startProgress(`embedding ${name}`, source.pages.length, 'pages');
    try {
      const onProgress = (done: number) => bar.update(done);
      return await embedLibrary(source, chosen, { ...options, toneSeed, onProgress });
    } finally {
      bar.stop();
    }
  };
  const pool = await embed(library, 'the library', undefined);
  const toneSeed = options.tone ? 1 : undefined;
  let test: EmbeddedLibrary = pool;
  if (heldout) test = await embed(heldout, 'the heldout library', toneSeed);
  else if (options.tone) test = await embed(library, 'its aged twin', toneSeed);
  const { splits, notes } = heldout
    ? splitByLibrary(pool, test, options.seeds)
    : splitByItem(pool, test, options.seeds, options.folds);

  const points: SplitPoint[] = [];
  const total = splits.length * options.strategies.length * options.budgets.length;
  const bar = startProgress(`training with ${backbone}`, total, 'ensembles');
  let tensorflowBackend: string;
  try {
    tensorflowBackend = await runCurves(pool, test, splits, {
      ...options,
      onPoint: (point) => {
        points.push(point);
        bar.update(points.length);
      },
    });
  } finally {
    bar.stop();
  }
  const counts = ({ labels }: EmbeddedLibrary) =>
    (['HQ', 'LQ', 'NOT_SURE'] as const)
      .map((label) => `${labels.filter((own) => own === label).length} ${label}`)
      .join(', ');
  return reportOf({
    backbone,
    scene: sceneOf(library, heldout, options),
    notes: [
      `${library.dir}: ${counts(pool)}, ${new Set(pool.itemIds).size} items`,
      ...(heldout ? [`${heldout.dir}: ${counts(test)}, ${new Set(test.itemIds).size} items`] : []),
      ...(chosen.note ? [chosen.note] : []),
      `TensorFlow.js backend ${tensorflowBackend}`,
      ...new Set([...pool.notes, ...test.notes, ...notes]),
    ],
    points,
    pool,
    test,
    splits,
  });
}

function sceneOf(
  library: LabelledLibrary,
  heldout: LabelledLibrary | undefined,
  { tone, folds, seeds, pages }: Options,
): string {
  const aged = tone ? ', aged by code' : '';
  return heldout
    ? `labels on ${library.dir}, scored on ${heldout.dir}${aged} (${seeds} seeds, ${pages})`
    : `${library.dir}, scored on held out items${aged} (${seeds} seeds, ${folds} folds, ${pages})`;
}

async function sampleLibrary({ cacheFolder }: Options): Promise<string> {
  const dir = join(cacheFolder, 'evaluate', 'sample-library');
  let bar: ReturnType<typeof startProgress> | undefined;
  await drawSampleLibrary({
    dir,
    onProgress: (done, total) => {
      bar ??= startProgress('drawing the sample library', total, 'pages');
      bar.update(done);
    },
  });
  bar?.stop();
  return dir;
}
