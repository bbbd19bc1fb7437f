import { fileURLToPath } from 'node:url';
import type { StackProgram } from '@florilegium/stack';

const main = fileURLToPath(new URL('./tiny-service-main.ts', import.meta.url));

/** Two services of the tests: `left` at /v1/left, `right` at everything else. */
export const tinyPrograms: readonly StackProgram[] = [
  { name: 'left', main, env: { SERVICE: 'left' }, gatewayPaths: ['/v1/left'], ownsSchema: true, servesGrpc: true },
  {
    name: 'right',
    main,
    env: { SERVICE: 'right' },
    gatewayPaths: ['/v1/right', '/'],
    ownsSchema: true,
    servesGrpc: true,
  },
];
