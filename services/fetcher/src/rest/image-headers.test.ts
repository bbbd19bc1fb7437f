import { expect, it } from 'vitest';
import { readRange } from './image-headers.ts';

it.each([
  ['bytes=0-9', { start: 0, bytes: 10 }],
  ['bytes=90-', { start: 90, bytes: 10 }],
  ['bytes=90-500', { start: 90, bytes: 10 }],
  ['bytes=-10', { start: 90, bytes: 10 }],
  ['bytes=-500', { start: 0, bytes: 100 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-2', undefined],
  ['bytes=0-1,5-6', undefined],
  ['bytes=-', undefined],
  ['items=0-1', undefined],
  [undefined, undefined],
])('reads the range %s of 100 bytes', (header, range) => {
  expect(readRange(header, 100)).toEqual(range);
});
