import { candidateRule, candidateRules, compileRule } from '@florilegium/bhl';
import type { Db } from '@florilegium/db';
import type { Log } from '@florilegium/log';
import { exportFilesClient } from './clients/export-files.client.ts';
import type { CatalogConfig } from './config.ts';
import type { CatalogSchema } from './schema.ts';
import { createStore } from './store.ts';
import { cancelImport } from './usecases/cancel-import.ts';
import { createPageSet } from './usecases/create-page-set.ts';
import { explainPage } from './usecases/explain-page.ts';
import type { ImportDeps } from './usecases/import-export.ts';
import { listPages, streamPages } from './usecases/list-pages.ts';
import { listRules } from './usecases/list-rules.ts';
import { defaultRuleName } from './usecases/select-rule.ts';
import { startImport } from './usecases/start-import.ts';

type BuildConfig = Pick<
  CatalogConfig,
  'importHosts' | 'importRoots' | 'contact' | 'badLineShareMax' | 'reservoirPages' | 'reservoirSeed'
>;

const bind =
  <Deps, Rest extends unknown[], Result>(use: (deps: Deps, ...rest: Rest) => Result, deps: Deps) =>
  (...rest: Rest) =>
    use(deps, ...rest);

/** The service's use cases on their repos and clients, for both transports and the worker. */
export function buildCatalog({ config, db, log }: { config: BuildConfig; db: Db<CatalogSchema>; log: Log }) {
  const store = createStore(db);
  const rules = candidateRules.map(compileRule);
  const exportFiles = exportFilesClient({
    hosts: config.importHosts,
    roots: config.importRoots,
    contact: config.contact,
  });
  const deps = { store, rules, exportFiles };
  const importDeps: ImportDeps = {
    ...deps,
    log,
    keepingRule: candidateRule(defaultRuleName),
    badLineShareMax: config.badLineShareMax,
    reservoir: { pages: config.reservoirPages, seed: config.reservoirSeed },
  };
  return {
    store,
    exportFiles,
    importDeps,
    startImport: bind(startImport, deps),
    cancelImport: bind(cancelImport, deps),
    createPageSet: bind(createPageSet, deps),
    explainPage: bind(explainPage, deps),
    listPages: bind(listPages, deps),
    streamPages: bind(streamPages, deps),
    listRules: bind(listRules, deps),
  };
}

export type Catalog = ReturnType<typeof buildCatalog>;
