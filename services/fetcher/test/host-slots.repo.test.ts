import type { SlotLedger } from '@florilegium/bhl';
import { createTestDatabase, type Db, migrateSchema, openDb } from '@florilegium/db';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
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

describe('requests in flight', () => {
  const shareOf = async (visitor: string, host: string, wanted = 20, inFlight = 0) =>
    (await ledger(visitor).takeShare(host, wanted, inFlight)).inFlightMax;

  it('belong to whoever wants them, and are shared evenly as others come, never more than there are', async () => {
    expect(await shareOf('a', 'shared', 4)).toBe(4);
    expect(await shareOf('a', 'shared')).toBe(9);
    // All are taken: b waits until a has lessened its share, which what is under way delays.
    expect(await shareOf('b', 'shared')).toBe(0);
    expect(await shareOf('a', 'shared', 20, 9)).toBe(5);
    expect(await shareOf('b', 'shared')).toBe(0);
    expect(await shareOf('a', 'shared', 20, 6)).toBe(5);
    expect(await shareOf('b', 'shared')).toBe(3);
    expect(await shareOf('a', 'shared', 20, 5)).toBe(5);
    expect(await shareOf('b', 'shared')).toBe(4);
    await ledger('a').giveBackShare('shared');
    expect(await shareOf('b', 'shared')).toBe(9);
  });

  it('go round where there are fewer of them than processes', async () => {
    const visitors = Array.from({ length: 12 }, (_, index) => `v${index}`);
    const served = new Set<string>();
    const until = performance.now() + 8000;
    while (served.size < 12 && performance.now() < until) {
      const shares: number[] = [];
      for (const visitor of visitors) {
        const share = await shareOf(visitor, 'few', 1);
        if (share > 0) served.add(visitor);
        shares.push(share);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      const { rows } = await db.pool.query(
        `select sum(in_flight_max)::int as sum from fetcher.host_visitor where host = 'few'`,
      );
      expect(rows[0].sum).toBeLessThanOrEqual(9);
    }
    expect([...served].sort()).toEqual([...visitors].sort());
  });
});
