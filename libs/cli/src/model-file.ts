import { readFile } from 'node:fs/promises';
import { invalidArgument } from '@florilegium/errors';
import { writeWhole } from './write-file.ts';

/** What `train` leaves for `infer`: which ensemble of a server it is, and where its predictions are. Weights stay with the server. */
export interface ModelFile {
  iteration: number;
  ensembleId: string;
  memberCount: number;
  /** Prediction runs by page set. */
  predictionRuns: Record<string, string>;
}

export const writeModelFile = (path: string, model: ModelFile): Promise<void> =>
  writeWhole(path, `${JSON.stringify({ florilegium: 'ensemble', ...model }, null, 2)}\n`);

/** @throws AppError invalid_argument for a file that `train` did not write */
export async function readModelFile(path: string): Promise<ModelFile> {
  const text = await readFile(path, 'utf8');
  try {
    const model = JSON.parse(text) as ModelFile & { florilegium?: string };
    if (model.florilegium === 'ensemble' && Number.isInteger(model.iteration)) return model;
  } catch {}
  throw invalidArgument(`${path} is no model that florilegium train wrote`);
}
