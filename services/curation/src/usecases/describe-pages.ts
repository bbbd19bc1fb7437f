import type { CatalogClient } from '../clients/catalog.client.ts';
import type { FetcherClient } from '../clients/fetcher.client.ts';
import { fold, yearFromOf } from '../domain/gallery.ts';
import type { NewStory } from '../repos/hq-list-stories.repo.ts';
import type { Store } from '../store.ts';

export interface DescribeListDeps {
  store: Store;
  catalog: Pick<CatalogClient, 'findStories' | 'streamCandidates'>;
  fetcher: Pick<FetcherClient, 'findImages'>;
}

export interface DescribePagesDeps extends Pick<DescribeListDeps, 'fetcher'> {
  store: Pick<Store, 'hqListStories'>;
  catalog: Pick<CatalogClient, 'findStories'>;
}

/** What the neighbours take in one call. */
const callPagesMax = 500;
/** Calls under way at once: enough that a list of 100,000 pages waits some seconds for its stories. */
const callsMax = 4;

/**
 * Keeps the stories of pages for a list, with the size of their images. Pages that catalog does not know get an empty one.
 * @returns how many catalog does not know
 */
export async function describePages(
  deps: DescribePagesDeps,
  listId: string,
  pageIds: readonly number[],
): Promise<number> {
  const parts = Array.from({ length: Math.ceil(pageIds.length / callPagesMax) }, (_, at) =>
    pageIds.slice(at * callPagesMax, (at + 1) * callPagesMax),
  );
  let unknown = 0;
  const work = parts.values();
  let isBroken = false;
  const lane = async () => {
    for (const part of work) {
      if (isBroken) return;
      try {
        unknown += await describePart(deps, listId, part);
      } catch (error) {
        isBroken = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: callsMax }, lane));
  return unknown;
}

async function describePart(
  { store, catalog, fetcher }: DescribePagesDeps,
  listId: string,
  pageIds: readonly number[],
): Promise<number> {
  const [stories, images] = await Promise.all([catalog.findStories(pageIds), fetcher.findImages(pageIds)]);
  const storyOf = new Map(stories.map((story) => [story.pageId, story]));
  const imageOf = new Map(images.map((image) => [image.pageId, image]));
  await store.hqListStories.putStories(
    listId,
    pageIds.map((pageId): NewStory => {
      const { itemId, titleId, ...story } = storyOf.get(pageId) ?? { pageId, itemId: 0, titleId: 0, ...untold };
      const image = imageOf.get(pageId);
      const isStored = image?.state === 'stored';
      return {
        ...story,
        itemId: itemId || null,
        titleId: titleId || null,
        yearFrom: yearFromOf(story.year),
        workFolded: fold(`${story.title}\n${story.authors}\n${story.volume}`),
        namesFolded: fold(story.names.join('\n')),
        width: isStored ? image.width : null,
        height: isStored ? image.height : null,
      };
    }),
  );
  return pageIds.length - storyOf.size;
}

const untold = {
  title: '',
  authors: '',
  year: '',
  volume: '',
  place: '',
  names: [],
  rights: '',
  license: '',
  reuse: 'unknown',
  citation: '',
};
