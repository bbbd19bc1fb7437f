import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Random } from '../random.ts';
import type { Book, PageKind } from './books.ts';
import { roman, tongues } from './words.ts';

export interface LibraryPage {
  pageId: number;
  book: Book;
  itemId: number;
  sequence: number;
  kind: PageKind;
  /** Number printed on it: of the page or of the plate. */
  number: number;
}

const pageColumns = 'PageID ItemID SequenceOrder Year Volume Issue PagePrefix PageNumber PageTypeName CreationDate';
const itemColumns =
  'ItemID TitleID ThumbnailPageID BarCode MARCItemID CallNumber VolumeInfo ItemURL ItemTextURL ItemPDFURL ItemImagesURL LocalID Year InstitutionName ZQuery CreationDate CopyrightStatus RightsStatement LicenseType RightsHolder';
const titleColumns =
  'TitleID MARCBibID MARCLeader FullTitle ShortTitle PublicationDetails CallNumber StartYear EndYear LanguageCode TL2Author TitleURL CreationDate';
const created = '2020-01-01 00:00';
const publicDomain = 'Public domain. The BHL considers that this work is no longer under copyright protection.';

/** A row of the page export that a page takes: BHL gives a page one row for each pair of a type and a number. */
export interface PageRow {
  prefix: string;
  number: string;
  type: string;
}

/**
 * The rows BHL's volunteers and machines might have given this page. Most are right; some plates lack their prefix, are typed
 * as text besides, or as text alone, and some text is headed as a plate, in the book's own language.
 */
export function rowsOf(page: LibraryPage, random: Random): PageRow[] {
  const { book, kind, number } = page;
  const tongue = tongues[book.language];
  const plateNumber = book.romanPlates ? roman(number) : String(number);
  const prefix = random.pick(tongue.platePrefixes);
  const numbered = (type: string, given = prefix, value = plateNumber): PageRow => ({
    type,
    prefix: given,
    number: value,
  });
  switch (kind) {
    case 'coloured_plate':
    case 'pale_coloured_plate':
    case 'line_engraving':
    case 'tinted_engraving':
    case 'pale_lithograph': {
      const fate = random.next();
      if (fate < 0.035) return [{ type: 'Text', prefix: 'Page', number: String(number) }];
      if (fate < 0.09) return [{ type: 'Illustration', prefix: '', number: '' }];
      if (fate < 0.16) return [numbered('Illustration'), numbered('Text')];
      if (fate < 0.2) return [numbered('Text')];
      if (fate < 0.28) return [numbered('Drawing')];
      if (fate < 0.32) return [numbered('Illustration'), numbered('Foldout')];
      if (fate < 0.35) return [numbered('Illustration', prefix.toLowerCase())];
      return [numbered('Illustration')];
    }
    case 'halftone':
      return random.chance(0.4)
        ? [numbered('Photograph')]
        : [numbered('Illustration', random.pick([prefix, tongue.figurePrefix]))];
    case 'text_figure':
    case 'coloured_vignette': {
      const fate = random.next();
      const paged = { prefix: 'Page', number: String(number) };
      if (fate < 0.25) return [{ type: 'Text', ...paged }];
      if (fate < 0.5)
        return [
          { type: 'Illustration', ...paged },
          { type: 'Text', ...paged },
        ];
      if (fate < 0.75) return [numbered('Text', tongue.figurePrefix, String(number))];
      return [numbered('Illustration', tongue.figurePrefix, String(number))];
    }
    case 'plate_explanation':
      return random.chance(0.7) ? [numbered('Text')] : [{ type: 'Text', prefix: 'Page', number: String(number) }];
    case 'map':
    case 'coloured_map': {
      const fate = random.next();
      if (fate < 0.35)
        return [
          { type: 'Map', prefix: '', number: '' },
          { type: 'Foldout', prefix: '', number: '' },
        ];
      if (fate < 0.5) return [numbered('Map')];
      return [{ type: 'Map', prefix: '', number: '' }];
    }
    case 'coloured_chart':
      return [
        random.chance(0.6)
          ? { type: 'Chart', prefix: '', number: '' }
          : numbered('Illustration', tongue.figurePrefix, String(number)),
      ];
    case 'blank':
      return [{ type: random.chance(0.85) ? 'Blank' : 'Text', prefix: '', number: '' }];
    case 'cover':
      return [{ type: 'Cover', prefix: '', number: '' }];
    case 'endpaper':
      return [{ type: random.pick(['Cover', 'Blank', 'Illustration']), prefix: '', number: '' }];
    case 'title_page':
      return [{ type: 'Title Page', prefix: '', number: '' }];
    default: {
      const rows: PageRow[] = [{ type: 'Text', prefix: 'Page', number: String(number) }];
      if (random.chance(0.06))
        rows.push({
          type: random.pick(['Issue Start', 'Table of Contents', 'Index']),
          prefix: 'Page',
          number: String(number),
        });
      if (random.chance(0.03)) rows.push({ type: 'Illustration', prefix: 'Page', number: String(number) });
      return rows;
    }
  }
}

export async function writePageFile(path: string, pages: readonly LibraryPage[], random: Random): Promise<void> {
  const rows = function* () {
    for (const page of pages)
      for (const { prefix, number, type } of rowsOf(page, random.fork(page.pageId)))
        yield [page.pageId, page.itemId, page.sequence, page.book.year, '', '', prefix, number, type, created];
  };
  await writeExport(path, pageColumns, rows());
}

export async function writeItemFile(
  path: string,
  items: readonly { itemId: number; titleId: number; book: Book; thumbnailPageId: number }[],
): Promise<void> {
  const rows = function* () {
    for (const { itemId, titleId, book, thumbnailPageId } of items)
      yield [
        itemId,
        titleId,
        thumbnailPageId,
        book.barCode,
        '',
        '',
        '',
        '',
        '',
        '',
        '',
        '',
        book.year,
        '',
        '',
        created,
        publicDomain,
        '',
        '',
        '',
      ];
  };
  await writeExport(path, itemColumns, rows());
}

export async function writeTitleFile(path: string, titles: readonly { titleId: number; book: Book }[]): Promise<void> {
  const rows = function* () {
    for (const { titleId, book } of titles)
      yield [
        titleId,
        '',
        '',
        book.title,
        book.title.split(/[:;]/)[0]!,
        book.publication,
        '',
        book.year,
        '',
        book.language,
        book.author,
        '',
        created,
      ];
  };
  await writeExport(path, titleColumns, rows());
}

/** As BHL's exporter writes: a byte order mark, tabs without quoting, lines that end in CR LF. */
async function writeExport(path: string, columns: string, rows: Iterable<readonly (string | number)[]>): Promise<void> {
  const lines = function* () {
    yield `\uFEFF${columns.split(' ').join('\t')}\r\n`;
    for (const row of rows) yield `${row.join('\t')}\r\n`;
  };
  await pipeline(Readable.from(lines()), createGzip(), createWriteStream(path));
}
