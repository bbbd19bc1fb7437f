import { createLog } from '@florilegium/log';
import { runService } from '@florilegium/service';
import { readConfig } from './config.ts';
import { startInference } from './start-inference.ts';

const config = (() => {
  try {
    return readConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
})();
const log = createLog({ service: 'inference', level: config.logLevel });

runService({
  log,
  endWithParent: config.endWithParent,
  start: async (lifetime) => {
    const { httpPort, grpcPort, backbone } = await startInference(config, log, lifetime);
    log.info({ role: config.role, httpPort, grpcPort, backbone }, 'serving');
  },
});
