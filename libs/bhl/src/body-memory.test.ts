import { expect, it } from 'vitest';
import { createBodyMemory } from './body-memory.ts';

it('gives the memory of a body that was given back to the next of like length, and never to two at once', () => {
  const memory = createBodyMemory();
  const first = memory.take(300_000);
  const second = memory.take(300_000);
  expect(second.memory).not.toBe(first.memory);
  const used = first.memory;
  first.release();
  first.release();
  const third = memory.take(250_000);
  expect(third.memory).toBe(used);
  expect(third.bytes).toHaveLength(250_000);
  expect(memory.take(250_000).memory).not.toBe(used);
});

it('spends no large memory on a small body, and none too small on a large one', () => {
  const memory = createBodyMemory();
  const large = memory.take(4 << 20);
  large.release();
  expect(memory.take(20_000).memory.byteLength).toBeLessThan(100_000);
  expect(memory.take(5 << 20).memory.byteLength).toBeGreaterThanOrEqual(5 << 20);
});

it('keeps no more unused than it may', () => {
  const memory = createBodyMemory(1 << 20);
  const bodies = Array.from({ length: 4 }, () => memory.take(500_000));
  const memories = bodies.map((body) => body.memory);
  for (const body of bodies) body.release();
  const again = Array.from({ length: 4 }, () => memory.take(500_000).memory);
  expect(again.filter((one) => memories.includes(one))).toHaveLength(2);
});

it('gives back the memory that a body has in the end', () => {
  const memory = createBodyMemory();
  const body = memory.take(300_000);
  body.memory = new ArrayBuffer(body.memory.byteLength);
  expect(body.bytes.buffer).toBe(body.memory);
  const { memory: last } = body;
  body.release();
  expect(memory.take(300_000).memory).toBe(last);
});
