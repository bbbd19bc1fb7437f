import { fileURLToPath } from 'node:url';
import { invalidArgument } from '@florilegium/errors';
import { openFolderStore } from './folder-store.ts';
import type { ObjectStore } from './object-store.ts';

/**
 * Opens the store at `url`: `file:///absolute/folder`, or `s3://bucket[/prefix]` with `?endpoint=` (an S3-compatible server; default AWS),
 * `region=` (default us-east-1) and `pathStyle=true|false` (default true where an endpoint is given). Credentials come from where the AWS
 * SDK looks for them. Throws invalid_argument for an address of another form.
 */
export async function openObjectStore(url: string): Promise<ObjectStore> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'file:' && parsed.host === '') return openFolderStore(fileURLToPath(parsed));
  // The SDK takes a third of a second to load, which whoever uses a folder need not wait for.
  if (parsed?.protocol === 's3:') return (await import('./s3-store.ts')).openS3Store(parsed);
  throw invalidArgument(
    `${JSON.stringify(url)} is no object store: expected file:///absolute/folder or s3://bucket/prefix`,
    { field: 'OBJECT_STORE' },
  );
}
