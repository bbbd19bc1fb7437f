import { createHash } from 'node:crypto';
import { failedPrecondition, notFound } from '@florilegium/errors';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogStory } from '../src/clients/catalog.client.ts';
import type { PagePredicted, StartedRun } from '../src/clients/inference.client.ts';
import type { PageSetName } from '../src/domain/label.ts';
import { opinionOf } from '../src/domain/triage.ts';
import type { Neighbours } from '../src/start-curation.ts';

export interface World {
  neighbours: Neighbours;
  pageIdsOf(set: PageSetName | 'other'): number[];
  itemOf(pageId: number): number;
  isHq(pageId: number): boolean;
  /** P(HQ) by each of the five members of an ensemble. */
  membersOf(ensembleId: string, pageId: number): number[];
  pageSetId(name: PageSetName): string;
  /** What an ensemble's noise is drawn from, in place of its id, so that every run of the tests is the same. */
  noiseOf: Map<string, string>;
  /** Ensembles that inference has recorded. */
  recorded: Set<string>;
  /** Runs by `<ensembleId> <page set id or rule>`. */
  runs: Map<string, StartedRun & { selection: string; pageIds: number[] }>;
  starts: string[];
  cancelled: string[];
  /** Pages without an image. */
  withoutImage: Set<number>;
  /** Those of them whose image may still come. */
  coming: Set<number>;
  storyOf(pageId: number): CatalogStory;
  /** Pages that no rule keeps, as catalog drew them; empty unless a test fills it. Twenty times as many stand behind them. */
  reservoir: number[];
  /** Pages whose images fetcher was asked for, by key; a run has ended when it is asked for again. */
  fetched: Map<string, number[]>;
}

const fewPages: [PageSetName | 'other', number][] = [
  ['heldout', 40],
  ['stop', 20],
  ['train', 60],
  ['unlabelled', 100],
  ['other', 30],
];

/** The services to the left, written by hand: 250 candidates in items of ten, every third page HQ, members that are right four times in five. */
export function aWorld(counts: readonly [PageSetName | 'other', number][] = fewPages): World {
  const sets = new Map<PageSetName | 'other', number[]>();
  let next = 1000;
  for (const [name, count] of counts) {
    sets.set(
      name,
      Array.from({ length: count }, () => next++),
    );
  }
  const all = [...sets.values()].flat();
  const known = new Set(all);
  const setIds = new Map([...sets.keys()].map((name) => [name, uuidv7()]));
  const namesById = new Map([...setIds].map(([name, id]) => [id, name]));
  const isHq = (pageId: number) => pageId % 3 === 0;
  const noise = (text: string) => createHash('sha256').update(text).digest().readUInt32LE(0) / 2 ** 32;
  const world: World = {
    pageIdsOf: (set) => sets.get(set)!,
    itemOf: (pageId) => Math.floor(pageId / 10),
    isHq,
    membersOf: (ensembleId, pageId) =>
      Array.from({ length: 5 }, (_, member) => {
        const wrong = noise(`${world.noiseOf.get(ensembleId) ?? ensembleId} ${pageId} ${member}`) < 0.2;
        const surety = 0.55 + 0.44 * noise(`${pageId} ${member}`);
        return Math.fround(isHq(pageId) !== wrong ? surety : 1 - surety);
      }),
    pageSetId: (name) => setIds.get(name)!,
    noiseOf: new Map(),
    recorded: new Set(),
    runs: new Map(),
    starts: [],
    cancelled: [],
    withoutImage: new Set(),
    coming: new Set(),
    storyOf: (pageId) => ({
      pageId,
      itemId: world.itemOf(pageId),
      titleId: Math.floor(pageId / 50),
      title: pageId % 2 === 0 ? 'Étude des papillons, "nouvelle"' : '=Flora alpina',
      authors: 'Merian, M. S.',
      year: `[${1700 + (pageId % 100)}-1899]`,
      volume: 'v.1',
      place: `Plate ${pageId}`,
      names: pageId % 5 === 0 ? ['Vanessa io', 'Bombyx mori'] : [],
      rights: 'Public domain',
      license: '',
      reuse: pageId % 10 === 0 ? 'attribution' : 'public_domain',
      citation: `Merian, page ${pageId}.`,
    }),
    reservoir: [],
    fetched: new Map(),
    neighbours: undefined as unknown as Neighbours,
  };
  const refs = (pageIds: readonly number[]) => pageIds.map((pageId) => ({ pageId, itemId: world.itemOf(pageId) }));
  world.neighbours = {
    catalog: {
      findPageSet: async (name) => {
        const pageIds = name === 'other' ? undefined : sets.get(name as PageSetName);
        return (
          pageIds && {
            id: setIds.get(name as PageSetName)!,
            name,
            rule: 'illustrated',
            seed: 7,
            pageCount: pageIds.length,
          }
        );
      },
      async *streamPageSet(pageSetId) {
        const pages = refs(sets.get(namesById.get(pageSetId)!)!);
        for (let start = 0; start < pages.length; start += 30) yield pages.slice(start, start + 30);
      },
      async *streamCandidates() {
        for (let start = 0; start < all.length; start += 50) yield all.slice(start, start + 50);
      },
      findStories: async (pageIds) =>
        pageIds.filter((pageId) => known.has(pageId)).map((pageId) => world.storyOf(pageId)),
      getRule: async (name) => {
        if (name !== 'illustrated') throw notFound('candidate rule', name);
        return { version: 2, sha256: 'ab'.repeat(32) };
      },
      findPages: async (pageIds) =>
        refs(pageIds.filter((pageId) => known.has(pageId) || world.reservoir.includes(pageId))),
      async *streamReservoir() {
        yield refs(world.reservoir);
      },
      countOutside: async () => 20 * world.reservoir.length,
      close: () => {},
    },
    fetcher: {
      findPagesWithImage: async (pageIds) => new Set(pageIds.filter((pageId) => !world.withoutImage.has(pageId))),
      findImages: async (pageIds) =>
        pageIds.map((pageId) => ({
          pageId,
          state: world.coming.has(pageId) ? 'coming' : world.withoutImage.has(pageId) ? 'unavailable' : 'stored',
          width: 465,
          height: 600 + (pageId % 7),
        })),
      fetchImages: async (pageIds, key) => {
        const ended = world.fetched.has(key);
        world.fetched.set(key, [...pageIds]);
        return { ended };
      },
      close: () => {},
    },
    inference: {
      startPredictionRun: async (ensembleId, selection) => {
        const selected = 'rule' in selection ? selection.rule : selection.pageSetId;
        world.starts.push(`${ensembleId} ${selected}`);
        if (!world.recorded.has(ensembleId)) throw failedPrecondition(`ensemble ${ensembleId} is not recorded yet`);
        const key = `${ensembleId} ${'rule' in selection ? selection.idempotencyKey : selected}`;
        const candidates = 'rule' in selection ? all : sets.get(namesById.get(selection.pageSetId)!)!;
        const run = world.runs.get(key) ?? {
          runId: uuidv7(),
          state: 'going' as const,
          reason: '',
          predictedCount: candidates.filter((pageId) => !world.withoutImage.has(pageId)).length,
          noImageCount: candidates.filter((pageId) => world.withoutImage.has(pageId)).length,
          selection: selected,
          pageIds: candidates.filter((pageId) => !world.withoutImage.has(pageId)),
        };
        world.runs.set(key, run);
        return run;
      },
      getPredictionRun: async (runId) => [...world.runs.values()].find((run) => run.runId === runId)!,
      cancelPredictionRun: async (runId) => {
        world.cancelled.push(runId);
      },
      async *streamPredictions(runId) {
        const [key, run] = [...world.runs].find(([, candidate]) => candidate.runId === runId)!;
        const ensembleId = key.split(' ')[0]!;
        const predictions = run.pageIds.map((pageId): PagePredicted => {
          const members = world.membersOf(ensembleId, pageId);
          const { mean, entropy, dissenting } = opinionOf(members);
          return { pageId, members, mean, entropy, disagreement: dissenting / 5, mutualInformation: 0.01 };
        });
        for (let start = 0; start < predictions.length; start += 50) yield predictions.slice(start, start + 50);
      },
      close: () => {},
    },
  };
  return world;
}
