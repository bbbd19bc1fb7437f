import { unavailable } from '@florilegium/errors';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { type PageSetName, pageSetNames } from '../domain/label.ts';
import type { PageSetRef } from '../repos/pages.repo.ts';
import type { Store } from '../store.ts';

export interface CopyPageSetsDeps {
  store: Store;
  catalog: Pick<CatalogClient, 'findPageSet' | 'streamPageSet'>;
}

const isPageSetName = (name: string): name is PageSetName => pageSetNames.includes(name as PageSetName);

/**
 * Copies the sets of the loop that catalog has and this service does not have yet. Sets never change, so once all four are here
 * nothing is asked any more.
 * @returns the sets that are here
 */
export async function copyPageSets(deps: CopyPageSetsDeps): Promise<PageSetRef[]> {
  const present = await deps.store.pages.listPageSets();
  if (present.length === pageSetNames.length) return present;
  for (const name of pageSetNames) {
    if (!present.some((pageSet) => pageSet.name === name)) await copyPageSet(deps, name);
  }
  return await deps.store.pages.listPageSets();
}

/** Copies one set by name; a name that the loop does not know, or a set that is here already, changes nothing. */
export async function copyPageSet({ store, catalog }: CopyPageSetsDeps, name: string): Promise<void> {
  if (!isPageSetName(name)) return;
  const found = await catalog.findPageSet(name);
  if (!found) return;
  // Read outside the transaction: catalog may take its time, and no lock or old snapshot waits for it.
  for await (const pages of catalog.streamPageSet(found.id)) await store.pages.stagePages(found.id, pages);
  await store.inTransaction(async (tx) => {
    // The set's row comes first: a second copier waits for it, then finds the set here.
    if (await tx.pages.addPageSet({ ...found, name })) {
      const added = await tx.pages.addStagedPages(name, found.id);
      if (added !== found.pageCount)
        throw unavailable(
          `${added} of the ${found.pageCount} pages of the set ${name} have come; trying again is safe`,
        );
    }
    await tx.pages.clearStage(found.id);
  });
}
