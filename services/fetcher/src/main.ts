import { createLog } from '@florilegium/log';
import { runService } from '@florilegium/service';
import { readConfig } from './config.ts';
import { startFetcher } from './start-fetcher.ts';

const config = (() => {
  try {
    return readConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
})();
const log = createLog({ service: 'fetcher', level: config.logLevel });
if (config.contact === 'none given' && config.sources.some((source) => source.baseUrl.startsWith('https:')))
  log.warn({}, 'CONTACT is not set: librarians cannot reach whoever runs this');

runService({
  log,
  endWithParent: config.endWithParent,
  start: async (lifetime) => {
    const { httpPort, grpcPort } = await startFetcher(config, log, lifetime);
    log.info({ role: config.role, httpPort, grpcPort }, 'serving');
  },
});
