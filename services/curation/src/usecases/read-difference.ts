import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store } from '../store.ts';

const partPages = 5000;

export interface DifferencePart {
  change: 'dropped' | 'added';
  pageIds: number[];
}

/** What the list `to` changes in the list `from`: the pages it drops, then those it adds, each in ascending PageID, some thousand at a time. */
export async function* readDifference(
  { hqLists }: Pick<Store, 'hqLists'>,
  from: Pick<HqList, 'id'>,
  to: Pick<HqList, 'id'>,
): AsyncGenerator<DifferencePart> {
  for (const { change, has, lacks } of [
    { change: 'dropped', has: from, lacks: to },
    { change: 'added', has: to, lacks: from },
  ] as const)
    for (let after = -1; ; ) {
      const pageIds = await hqLists.readPagesMissingIn(has.id, lacks.id, after, partPages);
      if (pageIds.length > 0) yield { change, pageIds };
      if (pageIds.length < partPages) break;
      after = pageIds.at(-1)!;
    }
}
