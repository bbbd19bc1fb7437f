// What the label events of a real PostgreSQL come to, whatever was done in whatever order.
import { createTestDatabase, type Db, migrateSchema, openDb, type TestDatabase } from '@florilegium/db';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { migrations } from '../migrations/index.ts';
import { currentLabelOf, type Label, type LabelEvent, labels } from '../src/domain/label.ts';
import type { Schema } from '../src/schema.ts';
import { createStore, type Store } from '../src/store.ts';
import { exportLabels } from '../src/usecases/export-labels.ts';
import { importLabels } from '../src/usecases/import-labels.ts';
import { recordLabels } from '../src/usecases/record-labels.ts';
import { undoLabel } from '../src/usecases/undo-label.ts';
import { aWorld } from './neighbours.ts';

let database: TestDatabase;
let db: Db<Schema>;
let store: Store;
const world = aWorld();
const { catalog } = world.neighbours;
const pageIds = [...world.pageIdsOf('train').slice(0, 3), ...world.pageIdsOf('unlabelled').slice(0, 2)];
const people = ['carl', 'olga', 'ines'];

beforeAll(async () => {
  database = await createTestDatabase(inject('databaseUrl'));
  db = openDb<Schema>({ url: database.url, schema: 'curation' });
  await migrateSchema(db, migrations);
  store = createStore(db);
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

type Command =
  | { kind: 'label'; by: string; labels: { pageId: number; label: Label }[] }
  | { kind: 'undo'; by: string; pageId: number }
  | { kind: 'import'; by: string; file: [number, Label][] };

const aPage = fc.constantFrom(...pageIds);
const aLabel = fc.constantFrom(...labels);
const aPerson = fc.constantFrom(...people);
const aCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('label' as const),
      by: aPerson,
      labels: fc.array(fc.record({ pageId: aPage, label: aLabel }), { minLength: 1, maxLength: 1 }),
    }),
  },
  // In bulk, with the same page more than once and pages that are refused.
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('label' as const),
      by: aPerson,
      labels: fc.array(
        fc.record({ pageId: fc.oneof(aPage, fc.constantFrom(world.pageIdsOf('heldout')[0]!, 77)), label: aLabel }),
        { minLength: 2, maxLength: 6 },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('undo' as const), by: aPerson, pageId: aPage }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('import' as const),
      by: aPerson,
      file: fc.uniqueArray(fc.tuple(aPage, aLabel), { selector: ([pageId]) => pageId, minLength: 1, maxLength: 5 }),
    }),
  },
);

const numberOf = { HQ: 0, LQ: 1, NOT_SURE: 2 };
const fileOf = (file: readonly (readonly [number, Label])[]) =>
  JSON.stringify(Object.fromEntries(file.map(([pageId, label]) => [pageId, numberOf[label]])));

const importFile = ({ file, by }: Extract<Command, { kind: 'import' }>) =>
  importLabels({ store, catalog }, { text: fileOf(file), numbering: { zero: 'HQ' }, by });

/** @returns whether there was something to take back */
async function run(command: Command): Promise<boolean> {
  if (command.kind === 'label') await recordLabels({ store, catalog }, command);
  if (command.kind === 'import') await importFile(command);
  if (command.kind === 'undo') {
    try {
      await undoLabel({ store }, command);
    } catch (error) {
      if (['not_found', 'failed_precondition'].includes((error as { code: string }).code)) return false;
      throw error;
    }
  }
  return true;
}

async function forgetAll(): Promise<void> {
  await db.pool.query('truncate label_event, label_request');
}

async function currentLabels(asOf?: Date): Promise<Map<number, Label>> {
  const rows = await store.labels.listCurrent({ after: 0, limit: 1000, asOf });
  return new Map(rows.map(({ pageId, label }) => [pageId, label]));
}

async function allEvents(): Promise<LabelEvent[]> {
  const ofPages = await Promise.all(pageIds.map((pageId) => store.labels.listEvents(pageId)));
  return ofPages.flat().sort((a, b) => a.id - b.id);
}

/** The state that a list of events comes to, by the domain's own rule. */
function folded(events: readonly LabelEvent[], asOf?: Date): Map<number, Label> {
  const state = new Map<number, Label>();
  for (const [pageId, ofPage] of Map.groupBy(events, (event) => event.pageId)) {
    const current = currentLabelOf(ofPage, asOf);
    if (current) state.set(pageId, current.label);
  }
  return state;
}

const sorted = (state: Map<number, Label>) => [...state].sort(([a], [b]) => a - b);

it('any sequence of labels, bulk edits, undos and imports comes to the same state by log, by view, at any time and when replayed', {
  timeout: 180_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aCommand, { minLength: 1, maxLength: 14 }), async (commands) => {
      await forgetAll();
      // The model knows stacks alone: a label is put on its page's, an undo takes the upper one away.
      const stacks = new Map(pageIds.map((pageId) => [pageId, [] as Label[]]));
      for (const command of commands) {
        const done = await run(command);
        if (command.kind === 'label') for (const { pageId, label } of command.labels) stacks.get(pageId)?.push(label);
        if (command.kind === 'import')
          for (const [pageId, label] of command.file)
            if (stacks.get(pageId)!.at(-1) !== label) stacks.get(pageId)!.push(label);
        if (command.kind === 'undo') expect(stacks.get(command.pageId)!.pop() !== undefined).toBe(done);
        const model = new Map(
          [...stacks].flatMap(([pageId, stack]) => (stack.length ? [[pageId, stack.at(-1)!]] : [])),
        );
        expect(sorted(await currentLabels())).toEqual(sorted(model));
      }
      const events = await allEvents();
      const state = await currentLabels();
      expect(sorted(folded(events))).toEqual(sorted(state));
      for (const { at } of events) expect(sorted(await currentLabels(at))).toEqual(sorted(folded(events, at)));

      let text = '';
      for await (const part of exportLabels({ store }, { numbering: { zero: 'HQ' } })) text += part;
      await forgetAll();
      for (const event of events)
        await run(
          event.kind === 'label'
            ? { kind: 'label', by: event.by, labels: [{ pageId: event.pageId, label: event.label }] }
            : { kind: 'undo', by: event.by, pageId: event.pageId },
        );
      expect(sorted(await currentLabels())).toEqual(sorted(state));
      await forgetAll();
      await importLabels({ store, catalog }, { text, numbering: { zero: 'HQ' }, by: 'olga' });
      expect(sorted(await currentLabels())).toEqual(sorted(state));
    }),
    { numRuns: Number(process.env.LABEL_PROPERTY_RUNS ?? 25) },
  );
});

it('a label that waited is not stamped before what it waited for', async () => {
  await forgetAll();
  const [first, second] = pageIds;
  let waiting: Promise<unknown> | undefined;
  const asOf = await store.inTransaction(async (tx) => {
    await tx.lockLabels('alone');
    waiting = recordLabels({ store, catalog }, { by: 'carl', labels: [{ pageId: first!, label: 'HQ' }] });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tx.labels.addLabels('olga', [{ pageId: second!, label: 'LQ', iteration: null, tookMs: null, queue: null }]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { rows } = await db.pool.query<{ at: Date }>('select clock_timestamp() as at');
    await new Promise((resolve) => setTimeout(resolve, 20));
    return rows[0]!.at;
  });
  await waiting;
  expect((await allEvents()).map(({ by }) => by)).toEqual(['olga', 'carl']);
  expect(sorted(await currentLabels(asOf))).toEqual([[second, 'LQ']]);
});

it('any interleaving of two clients loses nothing, doubles nothing and keeps each one’s order', {
  timeout: 180_000,
}, async () => {
  const aStep = fc.record({ command: aCommand, waitMs: fc.integer({ min: 0, max: 4 }) });
  const script = fc.array(aStep, { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(script, script, async (one, other) => {
      await forgetAll();
      const clients = [
        { by: 'carl', steps: one },
        { by: 'olga', steps: other },
      ];
      const given = await Promise.all(
        clients.map(async ({ by, steps }) => {
          const acknowledged: string[] = [];
          const imports: { rows: string[]; recordedCount: number }[] = [];
          let undone = 0;
          for (const { command, waitMs } of steps) {
            await new Promise((resolve) => setTimeout(resolve, waitMs));
            if (command.kind === 'import') {
              const { recordedCount, unchangedCount, refusedCount } = await importFile({ ...command, by });
              expect(recordedCount + unchangedCount).toBe(command.file.length);
              expect(refusedCount).toBe(0);
              imports.push({ rows: command.file.map(([pageId, label]) => `${pageId} ${label}`), recordedCount });
              continue;
            }
            const done = await run({ ...command, by });
            if (command.kind === 'label')
              acknowledged.push(
                ...command.labels
                  .filter(({ pageId }) => pageIds.includes(pageId))
                  .map(({ pageId, label }) => `${pageId} ${label}`),
              );
            else if (done) undone++;
          }
          return { by, acknowledged, imports, undone };
        }),
      );
      const events = await allEvents();
      const saysOf = (event: LabelEvent) => `${event.pageId} ${(event as { label: Label }).label}`;
      for (const { by, acknowledged, imports, undone } of given) {
        const labelled = events.filter(
          (event) => event.kind === 'label' && event.by === by && event.queue !== 'import',
        );
        expect(labelled.map(saysOf)).toEqual(acknowledged);
        // Each import's events stand together, one for each row that it was told to have changed something.
        const imported = events.filter(
          (event) => event.kind === 'label' && event.by === by && event.queue === 'import',
        );
        for (const { rows, recordedCount } of imports) {
          const own = imported.splice(0, recordedCount);
          expect(own).toHaveLength(recordedCount);
          expect(new Set(own.map(({ pageId }) => pageId)).size).toBe(recordedCount);
          for (const event of own) expect(rows).toContain(saysOf(event));
          // An import is alone among the labels.
          if (own.length > 0) expect(events.indexOf(own.at(-1)!) - events.indexOf(own[0]!)).toBe(own.length - 1);
        }
        expect(imported).toEqual([]);
        expect(events.filter((event) => event.kind === 'undo' && event.by === by)).toHaveLength(undone);
      }
      const targets = events.flatMap((event) => (event.kind === 'undo' ? [event.undoes] : []));
      expect(new Set(targets).size).toBe(targets.length);
      expect(sorted(folded(events))).toEqual(sorted(await currentLabels()));
    }),
    { numRuns: Number(process.env.LABEL_PROPERTY_RUNS ?? 25) },
  );
});
