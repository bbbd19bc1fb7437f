import { expect, it } from 'vitest';
import { checkWish, parametersSha256, parseParameters } from './training.ts';

const wish = { labelSetId: 'l', method: '', parameters: {}, parentEnsembleId: null };

it('completes a wish with the defaults', () => {
  expect(checkWish(wish)).toMatchObject({ method: 'probe', parameters: { memberCount: 5, seed: 1 } });
});

it('refuses a method that is not there, naming those that are', () => {
  expect(() => checkWish({ ...wish, method: 'distil' })).toThrow(
    'method distil is not available here; there is probe, finetune',
  );
});

it('refuses parameters it does not know, and texts that are no JSON object', () => {
  expect(() => checkWish({ ...wish, parameters: { epochs: 3 } })).toThrow('parameter epochs is not known');
  expect(() => parseParameters('[1]')).toThrow('is not a JSON object');
  expect(() => parseParameters('{')).toThrow('is not JSON');
  expect(parseParameters('')).toEqual({});
});

it('completes and checks the parameters of either method', () => {
  expect(checkWish({ ...wish, method: 'finetune' })).toMatchObject({
    parameters: { architecture: 'alexnet', side: 224 },
  });
  expect(() => checkWish({ ...wish, method: 'finetune', parameters: { l2: 1 } })).toThrow('parameter l2 is not known');
  expect(() => checkWish({ ...wish, parameters: { side: 64 } })).toThrow('parameter side is not known');
});

it('hashes parameters by meaning: order and absent values do not count', () => {
  const { parameters } = checkWish(wish);
  expect(parametersSha256(checkWish({ ...wish, parameters: { seed: 1 } }).parameters)).toBe(
    parametersSha256(parameters),
  );
  expect(parametersSha256({ b: 1, a: 2, c: undefined })).toBe(parametersSha256({ a: 2, b: 1 }));
  expect(parametersSha256({ seed: 2 })).not.toBe(parametersSha256({ seed: 1 }));
});
