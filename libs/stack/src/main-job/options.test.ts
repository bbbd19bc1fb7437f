import { expect, it } from 'vitest';
import { parseOptions } from './options.ts';

it('has defaults that run the sample library', () => {
  expect(parseOptions([], '/home/ada')).toEqual({
    library: { kind: 'sample' },
    exit: false,
    help: false,
    dataDir: '/home/ada/data',
    port: 8080,
    iterations: 3,
    budget: 600,
    seed: 1,
    maxCandidates: undefined,
  });
});

it('limits the real BHL to 5,000 candidates unless told otherwise', () => {
  expect(parseOptions(['--library', 'bhl'], '/').maxCandidates).toBe(5000);
  expect(parseOptions(['--library', 'bhl', '--max-candidates', '70'], '/').maxCandidates).toBe(70);
});

it('takes a folder relative to where it was called', () => {
  expect(parseOptions(['--library', 'books', '--data=/srv/d', '--exit'], '/home/ada')).toMatchObject({
    library: { kind: 'folder', dir: '/home/ada/books' },
    dataDir: '/srv/d',
    exit: true,
  });
});

it.each([
  [['--port', '0'], '--port must be a whole number from 1 to 65535, not 0'],
  [['--port', '80a'], '--port must be a whole number from 1 to 65535, not 80a'],
  [['--iterations', '0'], '--iterations must be'],
  [['--budget', '-3'], '--budget'],
  [['--seed', '1.5'], '--seed must be'],
  [['--colour'], "Unknown option '--colour'"],
  [['stray'], "Unexpected argument 'stray'"],
  [['--library'], '--library'],
  [['--library', 'bhl', '--exit'], '--exit needs a library with known truth'],
])('refuses %j in one line', (args, message) => {
  expect(() => parseOptions(args, '/')).toThrow(message);
  try {
    parseOptions(args, '/');
  } catch (error) {
    expect((error as Error).message).not.toContain('\n');
  }
});
