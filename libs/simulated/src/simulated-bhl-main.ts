import { readEnv } from '@florilegium/config';
import { messageOf } from '@florilegium/errors';
import { parseFaults } from './bhl/faults.ts';
import { startSimulatedBhl } from './bhl/simulated-bhl.ts';

// The simulated BHL as a program of its own: runs until SIGTERM, SIGINT or, with EXIT_WITH_PARENT=1, until its stdin closes.
try {
  const env = readEnv(process.env);
  const config = env.done({
    library: env.string('LIBRARY'),
    host: env.string('HTTP_HOST', '127.0.0.1'),
    port: env.int('HTTP_PORT', { default: 8090, min: 0, max: 65535 }),
    faults: env.json('FAULTS', parseFaults, {}),
    requestsPerSecondMax: env.int('REQUESTS_PER_SECOND_MAX', { default: 1000, min: 1 }),
    seed: env.int('SEED', { default: 1 }),
    exitWithParent: env.flag('EXIT_WITH_PARENT', false),
  });
  const bhl = await startSimulatedBhl(config);
  console.log(`simulated BHL at ${bhl.url}, ${bhl.pageCount} pages of ${config.library}`);
  if (bhl.indexFault !== undefined) console.error(`its export could be read only in part: ${bhl.indexFault}`);
  const stop = async () => {
    await bhl.close();
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
  if (config.exitWithParent) {
    process.stdin.on('end', () => void stop());
    process.stdin.on('error', () => void stop());
    process.stdin.resume();
  }
} catch (error) {
  console.error(`simulated BHL: ${messageOf(error)}`);
  process.exit(1);
}
