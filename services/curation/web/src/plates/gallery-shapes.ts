import type { Reuse } from '../rest/shapes.ts';

export interface GalleryPage {
  position: number;
  pageId: number;
  probability: number | null;
  chosenBy: 'label' | 'score' | 'import';
  title: string;
  authors: string;
  year: string;
  yearFrom: number | null;
  volume: string;
  place: string;
  itemId: number;
  titleId: number;
  names: string[];
  rights: string;
  license: string;
  reuse: Reuse;
  citation: string;
  width: number | null;
  height: number | null;
  thumb: string;
  medium: string;
  bhlAddress: string;
}

export interface GalleryAnswer {
  version: number;
  total: number;
  next: number | null;
  pages: GalleryPage[];
}

export interface Facets {
  total: number;
  reuse: Partial<Record<Reuse, number>>;
  decades: { decade: number; count: number }[];
  titles: { titleId: number; title: string; count: number }[];
  unknownYearCount: number;
}
