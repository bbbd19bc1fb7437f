export { betaDraw, binomialDraw } from './distributions.ts';
export type { Draw } from './draw.ts';
export { DrawOf, drawIds, seededDraw } from './draw.ts';
export type { Random } from './stream.ts';
export { drawKey, randomFrom, seededRandom, shuffled } from './stream.ts';
