// The pages to come, with their pictures fetched and decoded ahead, so that a key press only has to show the next.
import { fetchImage, getRest, Problem } from '../rest/rest-client.ts';
import type { QueueContent, QueueName, Story } from '../rest/shapes.ts';
import type { AskedPage } from './decision-history.ts';

export interface ComingPicture {
  state: 'loading' | 'ready' | 'failed';
  element?: HTMLImageElement;
  address?: string;
  detail?: string;
  /** It cannot be had, however long one waits. */
  isGone?: boolean;
}

export interface PageQueueOptions {
  /** Pages on the screen at once. */
  shownCount: number;
  /** Pages that are decided though the server may not know yet. */
  hidden: () => Iterable<number>;
  onChange: () => void;
}

export type PageQueue = ReturnType<typeof createPageQueue>;

/** So many that a network which is away for half a minute stops nobody. */
const fetchedAhead = 36;
const decodedAhead = 8;
/** For an undo that shows the last ones again at once. */
const keptBehind = 4;
const storiesAhead = 3;
const picturesInFlightMax = 4;
const retryMs = 2_000;
const limitMax = 1000;

export function createPageQueue({ shownCount, hidden, onChange }: PageQueueOptions) {
  let name: QueueName | undefined;
  let pages: AskedPage[] = [];
  let behind: AskedPage[] = [];
  let refilling: { hidden: Set<number> } | undefined;
  let problem: Problem | undefined;
  let wasAsked = false;
  /** The server had no more when it was asked last. */
  let isExhausted = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let inFlight = 0;
  let isClosed = false;
  const pictures = new Map<number, ComingPicture>();
  const stories = new Map<number, Story | null | undefined>();
  const wantedAhead = Math.max(fetchedAhead, 2 * shownCount);

  async function refill(): Promise<void> {
    if (refilling || name === undefined || isClosed) return;
    const mine = { hidden: new Set([...hidden(), ...pages.map(({ pageId }) => pageId)]) };
    refilling = mine;
    clearTimeout(timer);
    try {
      const limit = Math.min(limitMax, 2 * wantedAhead + mine.hidden.size);
      const content = await getRest<QueueContent>(`/v1/review-queues/${name}?limit=${limit}`);
      if (refilling !== mine) return;
      const taken = new Set([...mine.hidden, ...pages.map(({ pageId }) => pageId)]);
      const { queue, iteration } = content;
      for (const page of content.pages) if (!taken.has(page.pageId)) pages.push({ ...page, queue, iteration });
      problem = undefined;
      wasAsked = true;
      isExhausted = content.pages.length < limit;
    } catch (error) {
      if (refilling !== mine) return;
      problem = error instanceof Problem ? error : new Problem(0, String(error));
      if (problem.isWorthRepeating) timer = setTimeout(refill, retryMs);
    }
    refilling = undefined;
    look();
  }

  /** Starts what should be loading, drops what is far behind, and tells. */
  function look(): void {
    if (isClosed) return;
    const wanted = new Set([...behind, ...pages.slice(0, wantedAhead)].map(({ pageId }) => pageId));
    for (const [pageId, { address }] of pictures)
      if (!wanted.has(pageId)) {
        if (address) URL.revokeObjectURL(address);
        pictures.delete(pageId);
      }
    for (const pageId of stories.keys()) if (!wanted.has(pageId)) stories.delete(pageId);
    loadPictures();
    if (shownCount === 1)
      for (const { pageId } of pages.slice(0, storiesAhead + 1)) if (!stories.has(pageId)) void loadStory(pageId);
    onChange();
  }

  function loadPictures(): void {
    for (const [index, { pageId }] of pages.slice(0, wantedAhead).entries()) {
      const picture = pictures.get(pageId);
      if (!picture && inFlight < picturesInFlightMax) void loadPicture(pageId);
      // Decoded pixels are large: only the next few are held.
      else if (picture?.address && !picture.element && index <= Math.max(shownCount, decodedAhead))
        void decode(picture);
    }
  }

  async function loadPicture(pageId: number): Promise<void> {
    const picture: ComingPicture = { state: 'loading' };
    pictures.set(pageId, picture);
    inFlight++;
    try {
      const blob = await fetchImage(pageId);
      if (pictures.get(pageId) === picture) picture.address = URL.createObjectURL(blob);
    } catch (error) {
      fail(pageId, picture, error);
    }
    inFlight--;
    if (isClosed) return;
    loadPictures();
  }

  async function decode(picture: ComingPicture): Promise<void> {
    const element = new Image();
    picture.element = element;
    element.src = picture.address as string;
    try {
      await element.decode();
      picture.state = 'ready';
    } catch {
      Object.assign(picture, { state: 'failed', isGone: true, detail: 'it cannot be decoded' });
    }
    onChange();
  }

  function fail(pageId: number, picture: ComingPicture, error: unknown): void {
    const fault = error instanceof Problem ? error : new Problem(0, String(error));
    Object.assign(picture, { state: 'failed', detail: fault.message });
    picture.isGone = !fault.isWorthRepeating && !fault.needsKey;
    if (fault.isWorthRepeating)
      setTimeout(() => {
        if (pictures.get(pageId) !== picture) return;
        pictures.delete(pageId);
        look();
      }, retryMs);
    onChange();
  }

  async function loadStory(pageId: number): Promise<void> {
    stories.set(pageId, undefined);
    const story = await getRest<Story>(`/v1/pages/${pageId}`).catch(() => null);
    if (!stories.has(pageId)) return;
    stories.set(pageId, story);
    if (pages[0]?.pageId === pageId) onChange();
  }

  return {
    open: (queue: QueueName) => {
      name = queue;
      pages = [];
      wasAsked = false;
      problem = undefined;
      refilling = undefined;
      void refill();
      look();
    },
    /** After a new key, or when the server has more. */
    reload: () => {
      for (const [pageId, { state }] of pictures) if (state === 'failed') pictures.delete(pageId);
      void refill();
      look();
    },
    /** These pages are decided, or skipped: the ones after them come up. */
    take: (pageIds: readonly number[]) => {
      const taken = new Set(pageIds);
      behind = [...behind, ...pages.filter(({ pageId }) => taken.has(pageId))].slice(-Math.max(keptBehind, shownCount));
      pages = pages.filter(({ pageId }) => !taken.has(pageId));
      for (const pageId of pageIds) refilling?.hidden.add(pageId);
      if (pages.length < wantedAhead && !isExhausted) void refill();
      look();
    },
    /** Puts pages before all others. */
    putBack: (back: readonly AskedPage[]) => {
      const ids = new Set(back.map(({ pageId }) => pageId));
      pages = [...back, ...pages.filter(({ pageId }) => !ids.has(pageId))];
      behind = behind.filter(({ pageId }) => !ids.has(pageId));
      look();
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      for (const { address } of pictures.values()) if (address) URL.revokeObjectURL(address);
      pictures.clear();
    },
    get pages(): readonly AskedPage[] {
      return pages;
    },
    pictureOf: (pageId: number): ComingPicture | undefined => pictures.get(pageId),
    storyOf: (pageId: number): Story | null | undefined => stories.get(pageId),
    get name(): QueueName | undefined {
      return name;
    },
    get problem(): Problem | undefined {
      return problem;
    },
    get isEmpty(): boolean {
      return pages.length === 0 && wasAsked && !refilling && !problem;
    },
    get readyAhead(): number {
      return pages.slice(1).filter(({ pageId }) => pictures.get(pageId)?.address).length;
    },
  };
}
