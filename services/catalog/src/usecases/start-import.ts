import { alreadyExists } from '@florilegium/errors';
import { enqueueBatches } from '@florilegium/work';
import { v7 as uuidv7 } from 'uuid';
import type { ExportFilesClient } from '../clients/export-files.client.ts';
import type { ImportRun } from '../domain/import-run.ts';
import type { Store } from '../store.ts';

export const importWork = { service: 'catalog', kind: 'import' } as const;

interface Deps {
  store: Store;
  exportFiles: Pick<ExportFilesClient, 'check'>;
}

/** @throws invalid_argument for a source that may not be read, already_exists for a key used with another source */
export async function startImport(
  { store, exportFiles }: Deps,
  { source, withNames, idempotencyKey }: { source: string; withNames: boolean; idempotencyKey: string | null },
): Promise<ImportRun> {
  await exportFiles.check(source);
  return await store.inTransaction(async ({ imports, tx }) => {
    const { run, isNew } = await imports.addImport({ id: uuidv7(), source, withNames, idempotencyKey });
    if (run.source !== source || run.withNames !== withNames) {
      throw alreadyExists(`the key ${idempotencyKey} was used for another import`, { field: 'source' });
    }
    if (isNew) await enqueueBatches(tx.kysely, { ...importWork, runId: run.id, batches: [{ number: 0 }] });
    return run;
  });
}
