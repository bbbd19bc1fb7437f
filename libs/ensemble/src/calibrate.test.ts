import { randomFrom } from '@florilegium/random';
import { expect, it } from 'vitest';
import { chooseTemperature, memberProbabilitiesAt } from './calibrate.ts';

it('recovers the temperature that over-sure logits were multiplied with', () => {
  const random = randomFrom(5);
  const pages = 20_000;
  const isHq = new Uint8Array(pages);
  const logits = new Float64Array(pages);
  for (let page = 0; page < pages; page++) {
    const logit = 6 * random.next() - 3;
    isHq[page] = random.next() < 1 / (1 + Math.exp(-logit)) ? 1 : 0;
    logits[page] = logit * 2.5;
  }
  expect(chooseTemperature(logits, 1, isHq)).toBeGreaterThan(2.3);
  expect(chooseTemperature(logits, 1, isHq)).toBeLessThan(2.7);
});

it('keeps decisions and only moves sureness', () => {
  expect([...memberProbabilitiesAt([2, -2, 0], 4)].map((p) => p >= 0.5)).toEqual([true, false, true]);
  expect(memberProbabilitiesAt([2], 2)[0]).toBeCloseTo(0.731059, 6);
});
