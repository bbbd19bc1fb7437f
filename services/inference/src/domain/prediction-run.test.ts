import { expect, it } from 'vitest';
import { selectionOf } from './prediction-run.ts';

it.each(['illustrated', 'plates_only', '2020-plates', 'a'.repeat(100)])('takes the rule name %s', (rule) => {
  expect(selectionOf(undefined, rule)).toEqual({ kind: 'rule', rule });
});

it.each(['Plates', '../plates', '-plates', 'plates ', 'a'.repeat(101)])('refuses the rule name %s', (rule) => {
  expect(() => selectionOf(undefined, rule)).toThrow('is no name of a rule');
});
