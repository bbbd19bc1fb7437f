import { fileURLToPath } from 'node:url';
import { invalidArgument } from '@florilegium/errors';
import { openFolderStore } from './folder-store.ts';
import type { ObjectStore } from './object-store.ts';

/** Opens the store at `url`: `file:///absolute/folder`. Throws invalid_argument for an address of another form. */
export async function openObjectStore(url: string): Promise<ObjectStore> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'file:' && parsed.host === '') return openFolderStore(fileURLToPath(parsed));
  throw invalidArgument(`${JSON.stringify(url)} is no object store: expected file:///absolute/folder`, {
    field: 'OBJECT_STORE',
  });
}
