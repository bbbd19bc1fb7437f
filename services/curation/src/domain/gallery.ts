// What a gallery over a list shows, and in which order.

export const galleryOrders = ['page', 'shuffle', 'probability', 'year'] as const;
export type GalleryOrder = (typeof galleryOrders)[number];

export interface GalleryFilter {
  /** Each must stand in title, authors or volume; folded. */
  workWords: string[];
  /** Each must stand in the scientific names; folded. */
  nameWords: string[];
  yearMin?: number;
  yearMax?: number;
  /** Only pages that may be reused in one of these ways; none named is all. */
  reuse: string[];
}

/** Lower case without accents, as texts are compared: `Étude` is found by `etude`. */
export const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase();

export const wordsOf = (text: string): string[] => fold(text).split(/\s+/).filter(Boolean);

export const isUnfiltered = ({ workWords, nameWords, yearMin, yearMax, reuse }: GalleryFilter): boolean =>
  workWords.length === 0 &&
  nameWords.length === 0 &&
  yearMin === undefined &&
  yearMax === undefined &&
  reuse.length === 0;

/** The first year that a text names: `[1880-82]` → 1880; null for none. BHL's books are from the age of print. */
export function yearFromOf(text: string): number | null {
  const found = /(?<!\d)(1[4-9]\d\d|20\d\d)(?!\d)/.exec(text);
  return found ? Number(found[1]) : null;
}
