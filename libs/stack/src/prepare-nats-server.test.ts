import { expect, it } from 'vitest';
import { waysToInstall } from './prepare-nats-server.ts';

it('names what fits the machine', () => {
  expect(waysToInstall('darwin', false)).toContain('brew install nats-server');
  expect(waysToInstall('linux', true)).toContain('sudo apt-get install nats-server');
  const elsewhere = waysToInstall('linux', false);
  expect(elsewhere).not.toContain('type: sudo apt-get');
  expect(elsewhere).toContain('https://github.com/nats-io/nats-server/releases');
});
