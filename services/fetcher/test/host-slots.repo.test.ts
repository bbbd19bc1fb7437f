import type { SlotLedger } from '@florilegium/bhl';
import { createTestDatabase, type Db, migrateSchema, openDb } from '@florilegium/db';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import { hostSlotsRepo } from '../src/repos/host-slots.repo.ts';
import type { Schema } from '../src/schema.ts';

const closing: (() => unknown)[] = [];
let db: Db<Schema>;
beforeAll(async () => {
  const database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'fetcher' });
  closing.push(
    () => db.close(),
    () => database.drop(),
  );
  await migrateSchema(db, migrations);
});
afterAll(async () => {
  for (const close of closing) await close();
});

const ledger = (visitor: string): SlotLedger =>
  hostSlotsRepo(db.kysely, visitor, () => ({ requestsPerSecond: 20, inFlightMax: 9 }));

it('gives each start to one process alone, evenly spaced', async () => {
  const ledgers = ['a', 'b', 'c'].map(ledger);
  const began = performance.now();
  const starts: number[] = [];
  for (let i = 0; i < 12; i++) {
    const { firstInMs, count, spacingMs } = await ledgers[i % 3]!.takeSlots('even', 5, 60_000);
    // A tenth of a second's worth at most, however many are wanted.
    expect([count, spacingMs]).toEqual([2, 50]);
    const now = performance.now() - began;
    starts.push(now + firstInMs, now + firstInMs + spacingMs);
  }
  // The way to the database and back blurs each time a little.
  for (let i = 2; i < starts.length; i++) expect(starts[i]! - starts[i - 2]!).toBeGreaterThan(60);
  expect(starts.at(-1)! - starts[0]!).toBeGreaterThan(23 * 50 - 40);
});

it('holds everybody back when one was told to wait, and says for how long', async () => {
  await ledger('a').holdBack('held', 5000);
  const refused = await ledger('b').takeSlots('held', 1, 1000);
  expect(refused.count).toBe(0);
  expect(refused.firstInMs).toBeGreaterThan(4000);
  const patient = await ledger('b').takeSlots('held', 1, 10_000);
  expect(patient.count).toBe(1);
  expect(patient.firstInMs).toBeGreaterThan(4000);
  expect((await ledger('c').takeSlots('other', 1, 0)).count).toBe(1);
});

it('shares out the requests in flight among the processes that visit a host', async () => {
  const shares: number[] = [];
  for (const visitor of ['a', 'b', 'c'])
    shares.push((await ledger(visitor).takeSlots('shared', 1, 60_000)).inFlightMax);
  expect(shares).toEqual([9, 4, 3]);
});
