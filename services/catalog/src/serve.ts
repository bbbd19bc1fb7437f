import type { Authenticator } from '@florilegium/auth';
import { CatalogServiceDefinition } from '@florilegium/contracts/catalog';
import { addEntityTags, createHttpApp, type HttpApp } from '@florilegium/http';
import type { Log } from '@florilegium/log';
import { type RpcServer, startRpcServer } from '@florilegium/rpc';
import type { Catalog } from './build-catalog.ts';
import { catalogGrpc } from './grpc/catalog.grpc.ts';
import { addImportRoutes } from './rest/imports.rest.ts';
import { addPageSetRoutes } from './rest/page-sets.rest.ts';
import { addPageRoutes } from './rest/pages.rest.ts';

interface ServeOptions {
  catalog: Catalog | undefined;
  authenticator: Authenticator;
  log: Log;
  readiness: Record<string, () => Promise<unknown>>;
  shown: Record<string, () => Promise<unknown>>;
}

/** The REST app; without a catalog (a worker) it holds health and metrics alone. */
export async function createCatalogApp({
  catalog,
  authenticator,
  log,
  readiness,
  shown,
}: ServeOptions): Promise<HttpApp> {
  const app = await createHttpApp({
    service: 'catalog',
    title: 'Florilegium catalog',
    description: "Imports of BHL's export, candidates and the rules that select them, page sets.",
    authenticator,
    log,
    readiness,
    shown,
  });
  if (catalog) {
    addEntityTags(app);
    addImportRoutes(app, catalog);
    addPageRoutes(app, catalog);
    addPageSetRoutes(app, catalog);
  }
  return app;
}

export function startCatalogRpc(options: {
  catalog: Catalog;
  authenticator: Authenticator;
  log: Log;
  host: string;
  port: number;
}): Promise<RpcServer> {
  const { catalog, ...server } = options;
  return startRpcServer({ definition: CatalogServiceDefinition, implementation: catalogGrpc(catalog), ...server });
}
