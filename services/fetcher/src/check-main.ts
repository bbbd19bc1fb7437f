import { parseArgs } from 'node:util';
import { openDb } from '@florilegium/db';
import { createLog } from '@florilegium/log';
import { openObjectStore } from '@florilegium/object-store';
import { imageFiles } from './clients/image-files.client.ts';
import { readCheckConfig } from './config.ts';
import type { Schema } from './schema.ts';
import { createStore } from './store.ts';
import { checkImages } from './usecases/check-images.ts';

/** `node src/check-main.ts [--mend] [--read-bytes]`: status 0 when table and store agree, or were made to. */
const { values } = parseArgs({
  options: { mend: { type: 'boolean', default: false }, 'read-bytes': { type: 'boolean', default: false } },
});
const config = readCheckConfig();
const log = createLog({ service: 'fetcher-check', level: config.logLevel });
const db = openDb<Schema>({ url: config.databaseUrl, schema: 'fetcher', applicationName: 'fetcher-check', poolMax: 4 });
try {
  const result = await checkImages(
    { images: createStore(db).images, files: imageFiles(await openObjectStore(config.objectStoreUrl)) },
    {
      mend: values.mend,
      readBytes: values['read-bytes'],
      onFound: (found) => log.warn(found, 'table and store differ'),
    },
  );
  log.info({ ...result, mended: values.mend }, 'checked');
  if (!values.mend && result.lost + result.damaged + result.unused > 0) process.exitCode = 1;
} finally {
  await db.close();
}
