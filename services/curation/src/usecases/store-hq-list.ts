import { internal } from '@florilegium/errors';
import type { ObjectStore } from '@florilegium/object-store';
import type { Store, TxStore } from '../store.ts';
import { readListText } from './read-list-text.ts';

export interface StoreHqListDeps {
  store: Store;
  objects: Pick<ObjectStore, 'putContent'>;
}

/** Writes a frozen list into the object store, under the hash that its row tells. @returns its key */
export async function storeHqList({ store, objects }: StoreHqListDeps, listId: string): Promise<string> {
  const list = await store.hqLists.findById(listId);
  if (!list?.pagesSha256) throw internal(`list ${listId} is not frozen`);
  const { key, sha256 } = await objects.putContent('lists', 'txt', readListText(store, list));
  if (sha256 !== list.pagesSha256)
    throw internal(`list ${list.version} hashes to ${sha256} as a file and to ${list.pagesSha256} in its row`);
  return key;
}

/** In the transaction that ends the work. */
export async function markListStored(tx: TxStore, listId: string, key: string): Promise<void> {
  await tx.hqLists.setObjectKey(listId, key);
}
