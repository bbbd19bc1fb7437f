import * as createCatalog from './20261123T1900-create-catalog.ts';

/** By name, in their order; frozen once merged. */
export const migrations = { '20261123T1900-create-catalog': createCatalog };
