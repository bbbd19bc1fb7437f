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

/** A page with its story. */
export interface Page {
  ref: PageRef;
  keptAs: KeptAs;
  title: string;
  authors: string;
  year: string;
  volume: string;
  issue: string;
  rows: PageRowFacts[];
  neighbours: Neighbour[];
  rights: { copyrightStatus: string; statement: string; license: string; holder: string };
}

export const bhlAddressOf = (pageId: number): string => `https://www.biodiversitylibrary.org/page/${pageId}`;

/** One line on the rights: the licence or statement where there is one, else the copyright status, with the holder. */
export function rightsTextOf({ rights }: Page): string {
  const said = [rights.license, rights.statement].filter((text) => text !== '').join('; ') || rights.copyrightStatus;
  return rights.holder === '' ? said : `${said}${said === '' ? '' : '; '}held by ${rights.holder}`;
}

/** A citation as one would write it under a picture; parts that are not known are left out. */
export function citationOf(page: Page): string {
  const volume = page.volume === '' ? '' : `, ${page.volume}`;
  const year = page.year === '' ? '' : ` (${page.year})`;
  const place = page.rows.find(({ number }) => number !== '');
  return [
    page.authors,
    page.title === '' ? '' : `${page.title}${volume}${year}`,
    place ? `${place.prefix} ${place.number}`.trim() : '',
    `Biodiversity Heritage Library, ${bhlAddressOf(page.ref.pageId)}`,
  ]
    .map((part) => part.replace(/[\s.]+$/, ''))
    .filter((part) => part !== '')
    .join('. ')
    .concat('.');
}
