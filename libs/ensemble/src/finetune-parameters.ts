import { invalidArgument } from '@florilegium/errors';
import { type Architecture, architectures } from './network/architectures.ts';

/** Everything that shapes a `finetune` ensemble besides its label set. The names are those of the JSON object `parameters`. */
export interface FinetuneParameters {
  memberCount: number;
  seed: number;
  architecture: Architecture;
  /** Pixels; every page is squashed to a square of this side, whatever its shape, as in the reference project. */
  side: number;
  epochsMax: number;
  /** Epochs without a lower loss on the member's stop pages after which it ends; without stop pages all epochs are run. */
  patienceEpochs: number;
  batchPages: number;
  /** Of Adam. */
  learningRate: number;
  /** Share of the inputs of dense layers that a training step leaves out. */
  dropout: number;
  /** Share of a member's drawn pages, whole items, that do not train and tell when to stop. */
  stopShare: number;
  /** `balanced`: HQ and LQ weigh the same in the loss however many pages each has. */
  classWeights: 'balanced' | 'none';
  /** As of `probe`: 0 to 1, how much less the pages of items with many labelled pages weigh. */
  itemDiscount: number;
}

/** Batch, learning rate and the most epochs of `alexnet` are those of the reference project's train.py. */
const defaultsOf: Record<Architecture, Readonly<FinetuneParameters>> = {
  alexnet: {
    memberCount: 5,
    seed: 1,
    architecture: 'alexnet',
    side: 224,
    epochsMax: 100,
    patienceEpochs: 10,
    batchPages: 64,
    learningRate: 1e-4,
    dropout: 0.5,
    stopShare: 0.15,
    classWeights: 'balanced',
    itemDiscount: 0,
  },
  small: {
    memberCount: 5,
    seed: 1,
    architecture: 'small',
    side: 64,
    epochsMax: 60,
    patienceEpochs: 10,
    batchPages: 32,
    learningRate: 1e-3,
    dropout: 0.3,
    stopShare: 0.15,
    classWeights: 'balanced',
    itemDiscount: 0,
  },
};

/** The defaults of an architecture; `alexnet`, the reference project's, when none is named. */
export const finetuneDefaults = (architecture: Architecture = 'alexnet'): Readonly<FinetuneParameters> =>
  defaultsOf[architecture];

/** The parameters of a request, checked and completed. Throws `invalid_argument` naming the field. */
export function readFinetuneParameters(given: Readonly<Record<string, unknown>>): FinetuneParameters {
  const { architecture = 'alexnet' } = given;
  if (!(typeof architecture === 'string' && architecture in defaultsOf)) {
    throw invalidArgument(`architecture must be ${Object.keys(defaultsOf).join(' or ')}`, {
      field: 'parameters.architecture',
    });
  }
  const defaults = defaultsOf[architecture as Architecture];
  for (const name of Object.keys(given)) {
    if (!(name in defaults)) {
      throw invalidArgument(`parameter ${name} is not known; there are ${Object.keys(defaults).join(', ')}`, {
        field: `parameters.${name}`,
      });
    }
  }
  type NumberName = { [Name in keyof FinetuneParameters]: FinetuneParameters[Name] extends number ? Name : never };
  const number = (name: NumberName[keyof NumberName], min: number, max: number, kind: 'integer' | 'number') => {
    const value = given[name] ?? defaults[name];
    const fits = kind === 'integer' ? Number.isInteger(value) : typeof value === 'number';
    if (!fits || !((value as number) >= min && (value as number) <= max)) {
      const article = kind === 'integer' ? 'an integer' : 'a number';
      throw invalidArgument(`${name} must be ${article} from ${min} to ${max}`, { field: `parameters.${name}` });
    }
    return value as number;
  };
  const { classWeights = defaults.classWeights } = given;
  if (classWeights !== 'balanced' && classWeights !== 'none') {
    throw invalidArgument('classWeights must be balanced or none', { field: 'parameters.classWeights' });
  }
  return {
    memberCount: number('memberCount', 1, 25, 'integer'),
    seed: number('seed', 0, Number.MAX_SAFE_INTEGER, 'integer'),
    architecture: architecture as Architecture,
    side: number('side', architectures[architecture as Architecture].sideMin, 512, 'integer'),
    epochsMax: number('epochsMax', 1, 1000, 'integer'),
    patienceEpochs: number('patienceEpochs', 1, 1000, 'integer'),
    batchPages: number('batchPages', 1, 1024, 'integer'),
    learningRate: number('learningRate', 1e-7, 1e9, 'number'),
    dropout: number('dropout', 0, 0.9, 'number'),
    stopShare: number('stopShare', 0, 0.5, 'number'),
    classWeights,
    itemDiscount: number('itemDiscount', 0, 1, 'number'),
  };
}
