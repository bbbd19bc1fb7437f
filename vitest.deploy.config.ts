import { defineConfig } from 'vitest/config';

/** `npm run test:deploy`: the quick checks that `npm test` has too (*.test.ts), and those that need more than a checkout (*.full.ts). */
export default defineConfig({
  test: {
    include: ['tests/deploy/*.test.ts', 'tests/deploy/*.full.ts'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 1,
    pool: 'forks',
  },
});
