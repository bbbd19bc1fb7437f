import { expect, it } from 'vitest';
import { readOptions } from './options.ts';

it('reads lists, sorts budgets and always compares with random', () => {
  const options = readOptions(['--budget', '400,50', '--budget', '133', '--strategy', 'triage', '--seeds', '7'], {
    FLORILEGIUM_MODELS: '/a:/b',
  });
  expect(options).toMatchObject({
    budgets: [50, 133, 400],
    strategies: ['random', 'triage'],
    seeds: 7,
    backbones: ['auto'],
    modelFolders: ['/a', '/b'],
  });
});

it.each([
  [['--strategy', 'best'], '--strategy best is not known'],
  [['--budget', '50,many'], '--budget must be a whole number from 4 to 1000000, not many'],
  [['--folds', '1'], '--folds must be'],
  [['--plot', 'a.png'], '--plot writes SVG'],
  [['--pages', 'some'], '--pages must be'],
  [['--bugdet', '50'], "Unknown option '--bugdet'"],
])('refuses %j', (args, reason) => {
  expect(() => readOptions(args, {})).toThrow(reason);
});
