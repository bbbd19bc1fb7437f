import { createRandom, type Random } from '../random.ts';
import { type Book, books, type PageKind } from './books.ts';
import type { LibraryPage } from './export-files.ts';

/** Far from the ids of other libraries, so that two of them never meet in one catalog. */
const firstPageId = 910000001;
const firstItemId = 710001;

/** Which pages the library has, book by book, in their order; decided by the seed alone. */
export function planLibrary(options: { seed?: number; booksMax?: number; pagesPerBookMax?: number }): LibraryPage[][] {
  const { seed = 1, booksMax = books.length, pagesPerBookMax } = options;
  const plans = books
    .slice(0, booksMax)
    .map((book, index) => planBook(book, index, createRandom(`plan/${seed}/${book.barCode}`), pagesPerBookMax));
  let pageId = firstPageId;
  for (const plan of plans) for (const page of plan) page.pageId = pageId++;
  return plans;
}

/** The pages of a book in their order: cover, endpaper, title, then text with its plates strewn through, then the back. */
function planBook(book: Book, index: number, random: Random, pagesMax: number | undefined): LibraryPage[] {
  const body: PageKind[] = [];
  const plates: PageKind[] = [];
  for (const [kind, count] of Object.entries(book.pages) as [PageKind, number][])
    for (let at = 0; at < count; at++) (kind === 'text' ? body : plates).push(kind);
  const strewn = random.shuffle(plates);
  const order: PageKind[] = [];
  const step = strewn.length / Math.max(1, body.length);
  let placed = 0;
  body.forEach((kind, at) => {
    order.push(kind);
    while (placed < Math.round(step * (at + 1)) && placed < strewn.length) order.push(strewn[placed++]!);
  });
  order.push(...strewn.slice(placed));
  let kinds: PageKind[] = ['cover', index % 2 === 0 ? 'endpaper' : 'blank', 'title_page', ...order, 'blank', 'cover'];
  if (pagesMax !== undefined && kinds.length > pagesMax) {
    const every = kinds.length / pagesMax;
    kinds = Array.from({ length: pagesMax }, (_, at) => kinds[Math.floor(at * every)]!);
  }
  const counters = { plate: 0, page: 0, cover: 0 };
  return kinds.map((kind, at): LibraryPage => {
    const counter =
      kind === 'cover'
        ? 'cover'
        : /plate|engraving|lithograph|halftone/.test(kind) && kind !== 'plate_explanation'
          ? 'plate'
          : 'page';
    counters[counter] += 1;
    const number =
      kind === 'plate_explanation'
        ? Math.max(1, counters.plate)
        : counter === 'page'
          ? counters.page * 2 + at
          : counters[counter];
    return { pageId: 0, book, itemId: firstItemId + index, sequence: at + 1, kind, number };
  });
}
