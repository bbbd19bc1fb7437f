import { failedPrecondition, messageOf } from '@florilegium/errors';
import type { Log } from '@florilegium/log';
import { downloadBackbone, findBackboneFile } from './backbone-files.ts';
import { readBackboneManifests } from './backbone-manifests.ts';
import { type BackboneManifest, builtInBackbones } from './backbones.ts';
import { CLASSIC, type EmbeddingRecipe, recipeOf } from './embedding-recipe.ts';

export interface ChooseOptions {
  /** `auto`, `classic` or the name of a backbone. */
  wish: string;
  /** Name of the recipe that made the embeddings which are there already; undefined when there are none. */
  recorded: string | undefined;
  /** Folders with weights and manifests, first to last. */
  folders: readonly string[];
  cacheFolder: string;
  offline: boolean;
  log: Log;
  /** Resolves when the runtime can run the file; the message of its rejection is the reason why it is passed over. */
  tryOut(manifest: BackboneManifest, file: string): Promise<void>;
}

export interface ChosenBackbone {
  recipe: EmbeddingRecipe;
  /** The weights; undefined for `classic`, and where embeddings can be read but no new ones made. */
  file: string | undefined;
  canEmbed: boolean;
  /** Why the default backbone is not the one that serves; empty when it is. */
  note: string;
}

const DEFAULT = 'mobilenet-v2';
const STAND_IN = 'mobilenet-v2-uint8';

/**
 * Which backbone serves. A given folder goes before the cache, the cache before a download. Under `auto`, data that was embedded keeps its
 * backbone (a change means embedding and training everything anew); else a stand-in that was given goes before a download, and `classic`
 * serves where no weights can be had. A backbone that is asked for by name serves or nothing does.
 * @throws failed_precondition when the named backbone is not known or has no weights that run, and no embeddings that could be read without
 */
export async function chooseBackbone(options: ChooseOptions): Promise<ChosenBackbone> {
  const { wish, log } = options;
  const manifests = [...builtInBackbones, ...(await readBackboneManifests(options.folders))];
  const recorded = options.recorded?.split('+')[0];
  const chosen =
    recorded !== undefined && (wish === 'auto' || wish === recorded)
      ? await chooseRecorded(recorded, options, manifests)
      : wish === 'auto'
        ? await chooseAny(options)
        : await chooseNamed(options, manifests);
  const fields = { backbone: chosen.recipe.name, dimensions: chosen.recipe.dimensions, file: chosen.file };
  if (chosen.note) log.warn({ ...fields, note: chosen.note }, 'backbone chosen');
  else log.info(fields, 'backbone chosen');
  return chosen;
}

async function chooseNamed(options: ChooseOptions, manifests: readonly BackboneManifest[]): Promise<ChosenBackbone> {
  const { wish } = options;
  if (wish === CLASSIC) return classic('classic is configured');
  const wanted = manifests.find(({ name }) => name === wish);
  if (!wanted) {
    const names = ['auto', ...manifests.map(({ name }) => name), CLASSIC].join(', ');
    throw failedPrecondition(`backbone ${wish} is not known; there are ${names}`);
  }
  const faults: string[] = [];
  const file = await runningFile(wanted, await findOrDownload(wanted, options, faults), options, faults);
  if (!file) throw failedPrecondition(`backbone ${wish} cannot be used: ${faults.join('; ')}; ${HINT}`);
  return served(wanted, file, wanted.name === DEFAULT ? '' : `${wanted.name} was configured`);
}

async function chooseAny(options: ChooseOptions): Promise<ChosenBackbone> {
  const { folders, cacheFolder } = options;
  const [wanted, standIn] = [builtIn(DEFAULT), builtIn(STAND_IN)];
  const faults: string[] = [];
  const given = await runningFile(wanted, await findBackboneFile(wanted, folders), options, faults);
  if (given) return served(wanted, given, '');
  const givenStandIn = await runningFile(standIn, await findBackboneFile(standIn, folders), options, faults);
  if (givenStandIn) return served(standIn, givenStandIn, `${STAND_IN} was found, ${DEFAULT} was not`);
  const found = (await findBackboneFile(wanted, [cacheFolder])) ?? (await download(wanted, options, faults));
  const file = await runningFile(wanted, found, options, faults);
  return file ? served(wanted, file, '') : classic(faults.join('; '));
}

async function chooseRecorded(
  recorded: string,
  options: ChooseOptions,
  manifests: readonly BackboneManifest[],
): Promise<ChosenBackbone> {
  if (recorded === CLASSIC)
    return classic(
      options.wish === CLASSIC
        ? 'classic is configured'
        : 'the pages are embedded with classic already; BACKBONE=mobilenet-v2 starts anew',
    );
  const manifest = manifests.find(({ name }) => name === recorded);
  if (!manifest)
    throw failedPrecondition(
      `the pages are embedded with ${recorded}, which no manifest in the folders of FLORILEGIUM_MODELS describes`,
    );
  const faults: string[] = [];
  const file = await findOrDownload(manifest, options, faults);
  if (file)
    return served(manifest, file, manifest.name === DEFAULT ? '' : `the pages are embedded with ${recorded} already`);
  return {
    recipe: recipeOf(manifest),
    file: undefined,
    canEmbed: false,
    note: `embeddings are there, but no page can be embedded: the weights of ${manifest.name} are in none of the folders; ${faults.join('; ')}`,
  };
}

const HINT = 'FLORILEGIUM_MODELS names the folders with its ONNX file';

const builtIn = (wanted: string) => builtInBackbones.find(({ name }) => name === wanted)!;

const served = (manifest: BackboneManifest, file: string, note: string): ChosenBackbone => ({
  recipe: recipeOf(manifest),
  file,
  canEmbed: true,
  note,
});

/** The file, if there is one and the runtime can run it. */
async function runningFile(
  manifest: BackboneManifest,
  file: string | undefined,
  { tryOut }: ChooseOptions,
  faults: string[],
): Promise<string | undefined> {
  if (!file) return undefined;
  try {
    await tryOut(manifest, file);
    return file;
  } catch (error) {
    faults.push(`${manifest.name} does not run: ${messageOf(error)}`);
    return undefined;
  }
}

async function findOrDownload(
  manifest: BackboneManifest,
  options: ChooseOptions,
  faults: string[],
): Promise<string | undefined> {
  const found = await findBackboneFile(manifest, [...options.folders, options.cacheFolder]);
  return found ?? (await download(manifest, options, faults));
}

async function download(
  manifest: BackboneManifest,
  { offline, cacheFolder, log }: ChooseOptions,
  faults: string[],
): Promise<string | undefined> {
  if (!manifest.address || offline) {
    faults.push(
      offline && manifest.address
        ? `the weights of ${manifest.name} were not found, and FLORILEGIUM_OFFLINE forbids to download them`
        : `the weights of ${manifest.name} were not found`,
    );
    return undefined;
  }
  log.info({ backbone: manifest.name, bytes: manifest.bytes }, 'downloading the backbone');
  const result = await downloadBackbone(manifest, { cacheFolder });
  if (result.kind === 'stored') return result.path;
  faults.push(result.reason);
  return undefined;
}

const classic = (note: string): ChosenBackbone => ({
  recipe: recipeOf(undefined),
  file: undefined,
  canEmbed: true,
  note,
});
