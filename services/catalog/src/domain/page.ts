import { candidateRule } from '@florilegium/bhl';
import type { Reuse, RightsFacts } from './reuse.ts';

/** Why the catalog holds a page: by its rows, by chance, or because an earlier export held it. */
export type KeptAs = 'rule' | 'reservoir' | 'former';

/** What other services need to know of a page; 0 and '' where the export does not say. */
export interface PageRef {
  pageId: number;
  itemId: number;
  titleId: number;
  barCode: string;
  sequence: number;
}

export interface PageRowFacts {
  prefix: string;
  number: string;
  typeName: string;
}

export interface Neighbour {
  pageId: number;
  sequence: number;
}

export interface Rights extends RightsFacts {
  holder: string;
}

/** An article or chapter that the page belongs to. */
export interface Part {
  partId: number;
  title: string;
  containerTitle: string;
  date: string;
  pageRange: string;
}

/** A page with its story. */
export interface Page {
  ref: PageRef;
  keptAs: KeptAs;
  title: string;
  authors: string;
  publicationDetails: string;
  /** Who holds the volume that was scanned. */
  institution: string;
  year: string;
  volume: string;
  issue: string;
  rows: PageRowFacts[];
  neighbours: Neighbour[];
  /** Scientific names found on the page, where they were imported. */
  names: string[];
  parts: Part[];
  /** Those that hold for the page: of its first article whose class of reuse is known, else of its item. */
  rights: Rights;
  /** The class of these rights. */
  reuse: Reuse;
}

export const bhlAddressOf = (pageId: number): string => `https://www.biodiversitylibrary.org/page/${pageId}`;

export const partAddressOf = (partId: number): string => `https://www.biodiversitylibrary.org/part/${partId}`;

const plates = candidateRule('illustrated');

/**
 * What is written on the page as its number, with its word: `Plate 12`, `Taf. III`; '' for a page without one. The number of a
 * plate comes before that of the page, and a number with a word before one that stands alone.
 */
export function placeOf({ rows }: Pick<Page, 'rows'>): string {
  const numbered = rows.filter(({ number }) => number !== '');
  const row =
    numbered.find((one) => plates.judgeRow(one).prefixPattern !== undefined) ??
    numbered.find(({ prefix }) => prefix !== '') ??
    numbered[0];
  return row ? `${row.prefix} ${row.number}`.trim() : '';
}

/** One line on the rights: the licence or statement where there is one, else the copyright status, with the holder. */
export function rightsTextOf({ rights }: Pick<Page, 'rights'>): string {
  const { license, statement, copyrightStatus, holder } = rights;
  const said = [license, statement].filter((text) => text !== '').join('; ') || copyrightStatus;
  return holder === '' ? said : `${said}${said === '' ? '' : '; '}held by ${holder}`;
}

/**
 * A citation as one would write it under a picture: who, the article where there is one, the book, where and when it came
 * out, the plate, who holds the volume, the address. Parts that are not known are left out.
 */
export function citationOf(page: Page): string {
  const part = page.parts[0];
  const volume = page.volume === '' ? '' : `, ${page.volume}`;
  const year = page.year === '' ? '' : ` (${page.year})`;
  return [
    page.authors,
    part ? `${part.title}${part.pageRange === '' ? '' : `, pp. ${part.pageRange}`}` : '',
    page.title === '' ? '' : `${part ? 'In: ' : ''}${bare(page.title)}${volume}${year}`,
    page.publicationDetails,
    placeOf(page),
    page.institution === '' ? '' : `Volume held by ${page.institution}`,
    `Biodiversity Heritage Library, ${bhlAddressOf(page.ref.pageId)}`,
  ]
    .map(bare)
    .filter((text) => text !== '')
    .join('. ')
    .concat('.');
}

const bare = (text: string) => text.replace(/[\s.,;:/]+$/, '');
