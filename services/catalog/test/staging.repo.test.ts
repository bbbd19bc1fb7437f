import { createTestDatabase, migrateSchema, openDb } from '@florilegium/db';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import { stagingRepo } from '../src/repos/staging.repo.ts';
import type { CatalogSchema } from '../src/schema.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'));
});
afterAll(() => database.drop());

it('stages a file that takes longer to arrive than a statement may take', async () => {
  const db = openDb<CatalogSchema>({ url: database.url, schema: 'catalog', statementTimeoutMs: 1000 });
  try {
    await migrateSchema(db, migrations);
    const staging = stagingRepo(db, uuidv7(), 1);
    await staging.stageNames(
      (async function* () {
        yield [{ pageId: 1, name: 'Rosa canina' }];
        await new Promise((resolve) => setTimeout(resolve, 1500));
        yield [{ pageId: 2, name: 'Rosa canina' }];
      })(),
    );
    expect(staging.stagedRows).toEqual({ name: 2 });
    await staging.dropOwn();
  } finally {
    await db.close();
  }
});
