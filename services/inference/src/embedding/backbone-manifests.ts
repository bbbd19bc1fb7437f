import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type BackboneManifest, builtInBackbones } from './backbones.ts';
import { RASTER_SIDE } from './page-raster.ts';

const closed = { additionalProperties: false };
const text = Type.String({ minLength: 1 });
const triple = (from: number) =>
  Type.Tuple(Array.from({ length: 3 }, () => Type.Number(from > 0 ? { exclusiveMinimum: 0 } : {})) as never);

/** The form of a manifest file: `BackboneManifest` as JSON. */
const manifestSchema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]{0,60}$' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    bytes: Type.Integer({ minimum: 1 }),
    licence: text,
    address: Type.Optional(Type.String({ pattern: '^https?://' })),
    input: Type.Object(
      {
        name: text,
        side: Type.Integer({ minimum: 16, maximum: RASTER_SIDE }),
        layout: Type.Enum(['NHWC', 'NCHW']),
        values: Type.Union([Type.Literal('uint8'), Type.Object({ mean: triple(0), deviation: triple(1) }, closed)]),
      },
      closed,
    ),
    output: Type.Union([
      Type.Object({ name: text, tokens: Type.Optional(Type.Enum(['first', 'mean'])) }, closed),
      Type.Object({ operator: text, tokens: Type.Optional(Type.Enum(['first', 'mean'])) }, closed),
    ]),
    dimensions: Type.Integer({ minimum: 1, maximum: 8192 }),
  },
  closed,
);

/**
 * The backbones that the `*.json` files of the folders describe; of two with the same name the first counts. Models come with other JSON
 * files, so one that has neither `name` and `sha256` nor `dimensions` is no manifest. Folders that cannot be read hold nothing.
 * @throws failed_precondition naming the file, the field and its fault
 */
export async function readBackboneManifests(folders: readonly string[]): Promise<BackboneManifest[]> {
  const found = new Map<string, BackboneManifest>();
  for (const folder of folders) {
    const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.json'));
    for (const name of names.sort()) {
      const file = join(folder, name);
      const manifest = readManifest(file, await readFile(file, 'utf8'));
      if (manifest && !found.has(manifest.name)) found.set(manifest.name, manifest);
    }
  }
  return [...found.values()];
}

function readManifest(file: string, content: string): BackboneManifest | undefined {
  let read: unknown;
  try {
    read = JSON.parse(content);
  } catch (error) {
    throw failedPrecondition(`${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const isManifest =
    typeof read === 'object' && read !== null && (('name' in read && 'sha256' in read) || 'dimensions' in read);
  if (!isManifest) return undefined;
  if (!Value.Check(manifestSchema, read)) throw failedPrecondition(`${file}: ${faultOf(read)}`);
  const { name, sha256, bytes, licence, address, input, output, dimensions } = read as BackboneManifest;
  if (name === 'auto' || name === 'classic' || builtInBackbones.some((backbone) => backbone.name === name))
    throw failedPrecondition(`${file}: name: ${name} is built in`);
  // In one order, whatever the file's: the recipe's hash is taken of some of it.
  const { values } = input;
  return {
    name,
    sha256,
    bytes,
    licence,
    address,
    input: {
      name: input.name,
      side: input.side,
      layout: input.layout,
      values: values === 'uint8' ? values : { mean: values.mean, deviation: values.deviation },
    },
    output: {
      ...('name' in output ? { name: output.name } : { operator: output.operator }),
      ...(output.tokens ? { tokens: output.tokens } : {}),
    },
    dimensions,
  };
}

/** The innermost fault in words: `input.side: must be <= 448`. */
function faultOf(read: unknown): string {
  const errors = Value.Errors(manifestSchema, read);
  const error = errors.toSorted((a, b) => b.instancePath.split('/').length - a.instancePath.split('/').length)[0]!;
  const field = error.instancePath.slice(1).replaceAll('/', '.');
  const { params } = error as { params?: { requiredProperties?: string[]; additionalProperties?: string[] } };
  const named = params?.requiredProperties ?? params?.additionalProperties;
  return `${field ? `${field}: ` : ''}${error.message}${named ? ` (${named.join(', ')})` : ''}`;
}
