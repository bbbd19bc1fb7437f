import { createLog } from '@florilegium/log';
import { prepareService } from '@florilegium/service';
import { migrations } from '../migrations/index.ts';
import { readPrepareConfig } from './config.ts';
import { workKinds } from './store.ts';

// Once before replicas start: schema, streams, consumers of work. Ends with status 0 when all is there.
const log = createLog({ service: 'fetcher' });
try {
  const config = readPrepareConfig();
  await prepareService({ service: 'fetcher', config, migrations, workKinds: workKinds, log });
} catch (error) {
  log.fatal({ err: error }, 'could not prepare');
  process.exitCode = 1;
}
