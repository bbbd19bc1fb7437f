import { createLog } from '@florilegium/log';
import { runService } from '@florilegium/service';
import { readConfig } from './config.ts';
import { connectNeighbours, startCuration } from './start-curation.ts';

const config = (() => {
  try {
    return readConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
})();
const log = createLog({ service: 'curation', level: config.logLevel });

runService({
  log,
  endWithParent: config.endWithParent,
  start: async (lifetime) => {
    const started = await startCuration(config, { log, lifetime, neighbours: connectNeighbours(config) });
    log.info({ role: config.role, ...started }, 'serving');
  },
});
