import { type ImageSize, imageSizes } from '@florilegium/bhl';
import type { ImageSize as ContractSize, ImageState } from '@florilegium/contracts/fetcher';
import type { RunState as ContractRunState } from '@florilegium/contracts/run';
import { invalidArgument } from '@florilegium/errors';
import type { RunState } from './domain/fetch-run.ts';
import type { ImageKnowledge } from './domain/image.ts';

/** This service's words as the contract spells them. */
export const contractSizeOf = (size: ImageSize): ContractSize => `IMAGE_SIZE_${upper(size)}`;
export const contractStateOf = (state: ImageKnowledge['state']): ImageState => `IMAGE_STATE_${upper(state)}`;
export const contractRunStateOf = (state: RunState): ContractRunState => `RUN_STATE_${upper(state)}`;

export function sizeOfContract(size: ContractSize): ImageSize {
  const found = imageSizes.find((known) => contractSizeOf(known) === size);
  if (!found) throw invalidArgument('no size is named', { field: 'size' });
  return found;
}

const upper = <Text extends string>(text: Text) => text.toUpperCase() as Uppercase<Text>;
