import { candidateRules, compileRule } from '@florilegium/bhl';
import type { Db } from '@florilegium/db';
import type { Log } from '@florilegium/log';
import { exportFilesClient } from './clients/export-files.client.ts';
import type { CatalogConfig } from './config.ts';
import type { CatalogSchema } from './schema.ts';
import { createStore } from './store.ts';
import { cancelImport } from './usecases/cancel-import.ts';
import { compareRules } from './usecases/compare-rules.ts';
import { countByReuse } from './usecases/count-by-reuse.ts';
import { createPageSet } from './usecases/create-page-set.ts';
import { explainPage } from './usecases/explain-page.ts';
import type { ImportDeps } from './usecases/import-export.ts';
import { judgeNewRules } from './usecases/judge-new-rules.ts';
import { listPages, streamPages } from './usecases/list-pages.ts';
import { listRules } from './usecases/list-rules.ts';
import { selectRule } from './usecases/select-rule.ts';
import { startImport } from './usecases/start-import.ts';

type BuildConfig = Pick<
  CatalogConfig,
  'importHosts' | 'importRoots' | 'contact' | 'badLineShareMax' | 'reservoirPages' | 'reservoirSeed' | 'candidateRules'
>;

const bind =
  <Deps, Rest extends unknown[], Result>(use: (deps: Deps, ...rest: Rest) => Result, deps: Deps) =>
  (...rest: Rest) =>
    use(deps, ...rest);

/** The service's use cases on their repos and clients, for both transports and the worker. */
export function buildCatalog({ config, db, log }: { config: BuildConfig; db: Db<CatalogSchema>; log: Log }) {
  const store = createStore(db);
  const rules = [...candidateRules, ...config.candidateRules].map(compileRule);
  const exportFiles = exportFilesClient({
    hosts: config.importHosts,
    roots: config.importRoots,
    contact: config.contact,
  });
  const deps = { store, rules, exportFiles };
  const importDeps: ImportDeps = {
    ...deps,
    log,
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
    selectRule: bind(selectRule, rules),
    compareRules: bind(compareRules, deps),
    countByReuse: bind(countByReuse, deps),
    checkRules: () => store.rules.checkRules(rules),
    judgeNewRules: bind(judgeNewRules, { ...deps, log }),
  };
}

export type Catalog = ReturnType<typeof buildCatalog>;
