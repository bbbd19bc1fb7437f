import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomFrom } from '@florilegium/random';
import { describe, expect, it } from 'vitest';
import { compileKernels } from '../../../../scripts/compile-kernels.ts';
import { memberProbabilitiesAt } from '../calibrate.ts';
import { decodeHalfFloats, toHalf } from '../half-floats.ts';
import { cosinesWith, momentsOfHalfRows, predictHalfRows } from './half-rows.ts';

const random = randomFrom(7);
const rowCount = 9;

/** Rows of noise with six bytes of 0xff, which are NaN, before and between them. */
function noise(dims: number) {
  const stride = dims * 2 + 6;
  const bytes = Buffer.alloc(rowCount * stride, 0xff);
  const starts = Int32Array.from({ length: rowCount }, (_, row) => row * stride + 6);
  for (const start of starts)
    for (let at = 0; at < dims; at++) bytes.writeUInt16LE(toHalf(random.next() * 4 - 2), start + at * 2);
  const values = [...starts].map((start) => [...decodeHalfFloats(bytes.subarray(start, start + dims * 2))]);
  return { bytes, starts, values };
}
const dotOf = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, at) => sum + value * b[at]!, 0);

it('the committed kernels are those of the source', async () => {
  const committed = readFileSync(new URL('./kernels.wasm', import.meta.url));
  const source = fileURLToPath(new URL('../../assembly', import.meta.url));
  expect(committed.equals(await compileKernels(source))).toBe(true);
});

describe.each([3, 8, 16, 194, 1474])('rows of %i half floats', (dims) => {
  const rows = noise(dims);

  it('are predicted by every member', () => {
    const members = [0, 1, 2].map((bias) => ({
      weights: Float64Array.from({ length: dims }, () => random.next() - 0.5),
      bias,
    }));
    const found = predictHalfRows({ dims, temperature: 1.5, members }, rows);
    const logits = rows.values.flatMap((values) => members.map(({ weights, bias }) => dotOf(values, weights) + bias));
    const expected = memberProbabilitiesAt(logits, 1.5);
    expect(found).toHaveLength(expected.length);
    for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 5);
  });

  it('have cosines once standardised, 1 with themselves', () => {
    const mean = Float64Array.from({ length: dims }, () => random.next());
    const scale = Float64Array.from({ length: dims }, () => 0.5 + random.next());
    const wanted = { bytes: rows.bytes, starts: rows.starts.slice(4, 5) };
    const found = cosinesWith(wanted, { mean, scale })(rows);
    const plain = rows.values.map((values) => values.map((value, at) => (value - mean[at]!) * scale[at]!));
    for (const [row, values] of plain.entries()) {
      const lengths = Math.sqrt(dotOf(values, values) * dotOf(plain[4]!, plain[4]!));
      expect(found[row]).toBeCloseTo(dotOf(values, plain[4]!) / lengths, 5);
    }
    expect(found[4]).toBeCloseTo(1, 6);
  });

  it('sum up, with their squares', () => {
    const moments = momentsOfHalfRows(dims);
    moments.add(rows);
    moments.add(rows);
    const { count, sums, squares } = moments.read();
    expect(count).toBe(2 * rowCount);
    for (let at = 0; at < dims; at++) {
      const column = rows.values.map((values) => values[at]!);
      expect(sums[at]).toBeCloseTo(2 * column.reduce((sum, value) => sum + value, 0), 10);
      expect(squares[at]).toBeCloseTo(2 * dotOf(column, column), 10);
    }
  });
});

it('every half float is decoded as the table has it', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, half) => half);
  const bytes = new Uint8Array(halves.buffer);
  const expected = decodeHalfFloats(bytes);
  const moments = momentsOfHalfRows(halves.length);
  moments.add({ bytes, starts: [0] });
  expect([...moments.read().sums].map((value) => value + 0)).toEqual([...expected].map((value) => value + 0));
});

it('rows of later, longer stretches are read as the first', () => {
  const members = [{ weights: Float64Array.of(1, 1), bias: 0 }];
  const ensemble = { dims: 2, temperature: 1, members };
  const row = new Uint8Array(Uint16Array.of(toHalf(1), toHalf(-1)).buffer);
  const long = new Uint8Array(300_000);
  long.set(row, 299_990);
  expect([...predictHalfRows(ensemble, { bytes: row, starts: [0] })]).toEqual([0.5]);
  expect([...predictHalfRows(ensemble, { bytes: long, starts: [299_990] })]).toEqual([0.5]);
});
