import { addToOutbox } from '@florilegium/db';
import { failedPrecondition, notFound } from '@florilegium/errors';
import { eventMessage } from '@florilegium/messaging';
import { cancelBatches } from '@florilegium/work';
import type { ImportRun } from '../domain/import-run.ts';
import type { Store } from '../store.ts';

/** @throws not_found, failed_precondition when it has ended otherwise. Cancelling twice is harmless. */
export async function cancelImport({ store }: { store: Store }, { id }: { id: string }): Promise<ImportRun> {
  return await store.inTransaction(async ({ imports, tx }) => {
    // First, as when a batch ends: an import that is merging is waited for.
    await cancelBatches(tx.kysely, id);
    if (await imports.endImport(id, { state: 'cancelled', reason: null })) {
      await addToOutbox(tx.kysely, [eventMessage('catalog.import.cancelled', { importId: id })]);
    }
    const run = await imports.findImport(id);
    if (!run) throw notFound('import', id);
    if (run.state !== 'cancelled') throw failedPrecondition(`import ${id} is ${run.state}`);
    return run;
  });
}
