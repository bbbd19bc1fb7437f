// The pages to come, with their pictures and stories fetched and decoded ahead, so that a key press only has to show the next.
import { callRest, fetchImage } from './rest-client.js';

const refillBelow = 20;
const refillPages = 60;
const picturesAhead = 6;
/** For an undo that shows the last ones again at once. */
const picturesBehind = 3;
const storiesAhead = 3;
const retryMs = 2_000;

/** `hidden` names the pages that are decided though the server may not know yet. */
export function createPageQueue({ hidden, onChange }) {
  let name = '';
  let pages = [];
  let refilling;
  let problem;
  let asked = false;
  /** The server had no more when it was asked last. */
  let exhausted = false;
  let timer;
  const behind = [];
  const pictures = new Map();
  const stories = new Map();

  async function refill() {
    if (refilling || name === '') return;
    const mine = { name, hidden: new Set([...hidden(), ...pages.map(({ pageId }) => pageId)]) };
    refilling = mine;
    clearTimeout(timer);
    try {
      const limit = Math.min(1000, refillPages + mine.hidden.size);
      const content = await callRest('GET', `/v1/review-queues/${name}?limit=${limit}`);
      if (refilling !== mine) return;
      const taken = new Set([...mine.hidden, ...pages.map(({ pageId }) => pageId)]);
      const { queue, iteration } = content;
      for (const page of content.pages) if (!taken.has(page.pageId)) pages.push({ ...page, queue, iteration });
      problem = undefined;
      asked = true;
      exhausted = content.pages.length < limit;
    } catch (error) {
      if (refilling !== mine) return;
      problem = error;
      if (error.isWorthRepeating) timer = setTimeout(refill, retryMs);
    }
    refilling = undefined;
    look();
  }

  /** Starts what should be loading, drops what is far behind, and tells. */
  function look() {
    const wanted = [...behind, ...pages.slice(0, picturesAhead + 1)].map(({ pageId }) => pageId);
    for (const [pageId, { address }] of pictures)
      if (!wanted.includes(pageId)) {
        if (address) URL.revokeObjectURL(address);
        pictures.delete(pageId);
      }
    for (const pageId of stories.keys()) if (!wanted.includes(pageId)) stories.delete(pageId);
    for (const { pageId } of pages.slice(0, picturesAhead + 1)) if (!pictures.has(pageId)) void loadPicture(pageId);
    for (const { pageId } of pages.slice(0, storiesAhead + 1)) if (!stories.has(pageId)) void loadStory(pageId);
    onChange();
  }

  async function loadPicture(pageId) {
    const picture = { state: 'loading' };
    pictures.set(pageId, picture);
    try {
      const blob = await fetchImage(pageId);
      if (pictures.get(pageId) !== picture) return;
      picture.address = URL.createObjectURL(blob);
      const element = new Image();
      element.src = picture.address;
      await element.decode();
      Object.assign(picture, { state: 'ready', element });
    } catch (error) {
      Object.assign(picture, { state: 'failed', detail: error.message });
      const mayComeYet = error.isWorthRepeating;
      if (mayComeYet)
        setTimeout(() => {
          if (pictures.get(pageId) !== picture) return;
          pictures.delete(pageId);
          look();
        }, retryMs);
      picture.isGone = !mayComeYet && !error.needsKey;
    }
    if (pictures.get(pageId) === picture) onChange();
  }

  async function loadStory(pageId) {
    stories.set(pageId, undefined);
    const story = await callRest('GET', `/v1/pages/${pageId}`).catch(() => null);
    if (!stories.has(pageId)) return;
    stories.set(pageId, story);
    if (pages[0]?.pageId === pageId) onChange();
  }

  return {
    open: (queue) => {
      name = queue;
      pages = [];
      asked = false;
      problem = undefined;
      refilling = undefined;
      void refill();
      look();
    },
    /** After a new key, or when the server has more. */
    reload: () => {
      for (const [pageId, { state }] of pictures) if (state === 'failed') pictures.delete(pageId);
      for (const [pageId, story] of stories) if (story === null) stories.delete(pageId);
      void refill();
      look();
    },
    /** The current page is decided, or skipped: the next one is the current. */
    advance: () => {
      const page = pages.shift();
      refilling?.hidden.add(page.pageId);
      behind.push(page);
      if (behind.length > picturesBehind) behind.shift();
      if (pages.length < refillBelow && !exhausted) void refill();
      look();
    },
    /** Puts a page before all others. */
    putBack: (page) => {
      pages = [page, ...pages.filter(({ pageId }) => pageId !== page.pageId)];
      const place = behind.findIndex(({ pageId }) => pageId === page.pageId);
      if (place >= 0) behind.splice(place, 1);
      look();
    },
    get current() {
      return pages[0];
    },
    get picture() {
      return pages[0] && pictures.get(pages[0].pageId);
    },
    get story() {
      return pages[0] && stories.get(pages[0].pageId);
    },
    get name() {
      return name;
    },
    get problem() {
      return problem;
    },
    get isEmpty() {
      return pages.length === 0 && asked && !refilling && !problem;
    },
    get readyAhead() {
      return pages.slice(1).filter(({ pageId }) => pictures.get(pageId)?.state === 'ready').length;
    },
  };
}
