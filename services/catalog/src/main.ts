import { createLog } from '@florilegium/log';
import { runService } from '@florilegium/service';
import { type CatalogConfig, readConfig } from './config.ts';
import { startCatalog } from './start-catalog.ts';

const config = readConfigOrExit();
const log = createLog({ service: 'catalog', level: config.logLevel });

runService({
  log,
  endWithParent: config.endWithParent,
  start: async (lifetime) => {
    const { httpPort, grpcPort } = await startCatalog(config, log, lifetime);
    log.info({ role: config.role, httpPort, grpcPort }, 'serving');
  },
});

function readConfigOrExit(): Readonly<CatalogConfig> {
  try {
    return readConfig();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}
