import { expect, it } from 'vitest';
import { type LowBytes, lowBytes, searchByOne, searchBytesMax } from './low-bytes.ts';

/** Bytes of which about every fifth is low, from a seed. */
function someBytes(length: number): Uint8Array {
  let state = length + 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const byte = state >>> 24;
    return byte < 50 ? byte % 11 : byte;
  });
}

const found = (by: LowBytes, bytes: Uint8Array, from: number, to: number) =>
  Array.from(by.places.subarray(0, by.search(bytes, from, to)));

it('finds what a plain loop finds, wherever a search begins and ends', () => {
  const [quick, plain] = [lowBytes(), searchByOne()];
  for (const length of [0, 1, 15, 16, 17, 31, 32, 33, 1000, searchBytesMax - 1, searchBytesMax]) {
    const bytes = someBytes(length + 7);
    for (const from of [0, 1, 7]) {
      const expected = Array.from(bytes.subarray(from, from + length)).flatMap((byte, at) => (byte <= 10 ? [at] : []));
      expect(found(quick, bytes, from, from + length)).toEqual(expected);
      expect(found(plain, bytes, from, from + length)).toEqual(expected);
    }
  }
});

it('has room for a block of nothing but low bytes, and forgets what an earlier search left', () => {
  for (const by of [lowBytes(), searchByOne()]) {
    expect(by.search(new Uint8Array(searchBytesMax), 0, searchBytesMax)).toBe(searchBytesMax);
    expect(by.places[searchBytesMax - 1]).toBe(searchBytesMax - 1);
    expect(found(by, new Uint8Array(5).fill(65), 0, 3)).toEqual([]);
  }
});
