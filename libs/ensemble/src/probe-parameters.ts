import { invalidArgument } from '@florilegium/errors';

/** Everything that shapes a `probe` ensemble besides its label set. The names are those of the JSON object `parameters`. */
export interface ProbeParameters {
  /** Five members, as in the reference project: enough votes for dissent to have degrees. */
  memberCount: number;
  seed: number;
  /** Strength of L2 when given; otherwise chosen from `l2Grid` by cross-validation. */
  l2: number | undefined;
  /** `balanced`: HQ and LQ weigh the same in the loss however many pages each has. */
  classWeights: 'balanced' | 'none';
  /**
   * 0 to 1. A page weighs the number of labelled pages of its item to the power of minus this: at 1 a book of a hundred labelled pages weighs what
   * a book of one does, at 0 each page counts alike.
   */
  itemDiscount: number;
  /** Folds of items, for L2, out-of-fold scores and temperature. */
  foldCountMax: number;
  epochsMax: number;
}

/**
 * Mean-loss units on standardised embeddings. Measured on real pages (20 splits by book, 400 labels, 1,280 dimensions): the choice
 * falls on 0.001 to 0.03, on 0.1 with few labels; a descriptor of some ninety dimensions wants 0.01 to 0.3.
 */
export const l2Grid: readonly number[] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];

export const probeDefaults: Readonly<ProbeParameters> = Object.freeze({
  memberCount: 5,
  seed: 1,
  l2: undefined,
  classWeights: 'balanced',
  itemDiscount: 0,
  foldCountMax: 5,
  epochsMax: 200,
});

/** The parameters of a request, checked and completed. Throws `invalid_argument` naming the field. */
export function readProbeParameters(given: Readonly<Record<string, unknown>>): ProbeParameters {
  for (const name of Object.keys(given)) {
    if (!(name in probeDefaults)) {
      throw invalidArgument(`parameter ${name} is not known; there are ${Object.keys(probeDefaults).join(', ')}`, {
        field: `parameters.${name}`,
      });
    }
  }
  const integer = (name: 'memberCount' | 'seed' | 'foldCountMax' | 'epochsMax', min: number, max: number) => {
    const value = given[name] ?? probeDefaults[name];
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw invalidArgument(`${name} must be an integer from ${min} to ${max}`, { field: `parameters.${name}` });
    }
    return value as number;
  };
  const {
    l2 = undefined,
    classWeights = probeDefaults.classWeights,
    itemDiscount = probeDefaults.itemDiscount,
  } = given;
  if (l2 !== undefined && !(typeof l2 === 'number' && l2 >= 1e-6 && l2 <= 100)) {
    throw invalidArgument('l2 must be a number from 0.000001 to 100', { field: 'parameters.l2' });
  }
  if (!(typeof itemDiscount === 'number' && itemDiscount >= 0 && itemDiscount <= 1)) {
    throw invalidArgument('itemDiscount must be a number from 0 to 1', { field: 'parameters.itemDiscount' });
  }
  if (classWeights !== 'balanced' && classWeights !== 'none') {
    throw invalidArgument('classWeights must be balanced or none', { field: 'parameters.classWeights' });
  }
  return {
    memberCount: integer('memberCount', 1, 25),
    seed: integer('seed', 0, Number.MAX_SAFE_INTEGER),
    l2,
    classWeights,
    itemDiscount,
    foldCountMax: integer('foldCountMax', 2, 20),
    epochsMax: integer('epochsMax', 1, 10_000),
  };
}
