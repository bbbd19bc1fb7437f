import type { Log } from '@florilegium/log';
import { downloadBackbone, findBackboneFile } from './backbone-files.ts';
import { type BackboneManifest, backboneNamed } from './backbones.ts';
import { CLASSIC, type EmbeddingRecipe, recipeOf } from './embedding-recipe.ts';

export type BackboneWish = 'auto' | 'mobilenet-v2' | 'mobilenet-v2-uint8' | 'classic';

export interface ChooseOptions {
  wish: BackboneWish;
  /** Name of the recipe that made the embeddings which are there already; undefined when there are none. */
  recorded: string | undefined;
  /** Folders to look in, first to last. */
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
 * Which backbone serves. A given folder goes before the cache, the cache before a download, a stand-in that was given before a download;
 * `classic` serves where no weights can be had. Data that was embedded keeps its backbone unless another is asked for by name: a change means
 * embedding and training everything anew.
 */
export async function chooseBackbone(options: ChooseOptions): Promise<ChosenBackbone> {
  const { wish, recorded, log } = options;
  const chosen =
    wish === 'auto' && recorded !== undefined ? await chooseRecorded(recorded, options) : await chooseNew(options);
  const fields = { backbone: chosen.recipe.name, dimensions: chosen.recipe.dimensions, file: chosen.file };
  if (chosen.note) log.warn({ ...fields, note: chosen.note }, 'backbone chosen');
  else log.info(fields, 'backbone chosen');
  return chosen;
}

async function chooseNew(options: ChooseOptions): Promise<ChosenBackbone> {
  const { wish } = options;
  if (wish === 'classic') return classic('classic is configured');
  const wanted = backboneNamed(wish === 'auto' ? DEFAULT : wish);
  const faults: string[] = [];
  const serve = async (manifest: BackboneManifest, file: string | undefined): Promise<ChosenBackbone | undefined> => {
    if (!file) return undefined;
    try {
      await options.tryOut(manifest, file);
    } catch (error) {
      faults.push(`${manifest.name} does not run: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
    const note =
      manifest.name === DEFAULT
        ? ''
        : `${manifest.name} was ${wish === manifest.name ? 'configured' : `found, ${DEFAULT} was not`}`;
    return { recipe: recipeOf(manifest), file, canEmbed: true, note };
  };
  const { folders, cacheFolder } = options;
  const given = await serve(wanted, await findBackboneFile(wanted, folders));
  if (given) return given;
  if (wanted.name === DEFAULT) {
    const standIn = backboneNamed(STAND_IN);
    const found = await serve(standIn, await findBackboneFile(standIn, folders));
    if (found) return found;
  }
  const cached = await serve(
    wanted,
    (await findBackboneFile(wanted, [cacheFolder])) ?? (await download(wanted, options, faults)),
  );
  return cached ?? classic(faults.join('; '));
}

async function chooseRecorded(recorded: string, options: ChooseOptions): Promise<ChosenBackbone> {
  if (recorded === CLASSIC)
    return classic('the pages are embedded with classic already; BACKBONE=mobilenet-v2 starts anew');
  const manifest = backboneNamed(recorded.split('+')[0]!);
  const faults: string[] = [];
  const file =
    (await findBackboneFile(manifest, [...options.folders, options.cacheFolder])) ??
    (await download(manifest, options, faults));
  if (file) {
    const note = manifest.name === DEFAULT ? '' : `the pages are embedded with ${manifest.name} already`;
    return { recipe: recipeOf(manifest), file, canEmbed: true, note };
  }
  return {
    recipe: recipeOf(manifest),
    file: undefined,
    canEmbed: false,
    note: `embeddings are there, but no page can be embedded: the weights of ${manifest.name} are in none of the folders; ${faults.join('; ')}`,
  };
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
