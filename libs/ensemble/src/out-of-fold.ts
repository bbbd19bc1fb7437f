import { internal, messageOf } from '@florilegium/errors';
import type { Folds } from './folds.ts';
import type { PageLabel } from './training-set.ts';
import { meanOf } from './uncertainty.ts';
import { labelConfidenceOf } from './worth.ts';

/** What the members say about a labelled page without having seen its item. */
export interface OutOfFoldPage {
  pageId: number;
  /** Calibrated P(HQ) of each member, in member order; null where a member has no score that left the item out. */
  members: (number | null)[];
  mean: number;
  /** P(given label), 0 to 1: low values are likely label errors. Null for NOT_SURE, and where no member left the item out. */
  labelQuality: number | null;
}

/** With folds `by` page the members have seen other pages of the item: their scores measure the ensemble and judge no label. */
export function outOfFoldPageOf(
  pageId: number,
  label: PageLabel,
  memberProbabilities: Float32Array,
  by: Folds['by'],
): OutOfFoldPage {
  const mean = rounded(meanOf(memberProbabilities));
  if (by === 'page') return { pageId, members: Array.from(memberProbabilities, () => null), mean, labelQuality: null };
  return {
    pageId,
    members: Array.from(memberProbabilities, rounded),
    mean,
    labelQuality: label === 'NOT_SURE' ? null : rounded(labelConfidenceOf(label, memberProbabilities)),
  };
}

/**
 * The same from members that may have met the page's item themselves: NaN stands for those. Undefined where all of them have.
 */
export function outOfBagPageOf(
  pageId: number,
  label: PageLabel,
  memberProbabilities: Float32Array,
  by: Folds['by'],
): OutOfFoldPage | undefined {
  const known = memberProbabilities.filter((probability) => !Number.isNaN(probability));
  if (known.length === 0) return undefined;
  const mean = rounded(meanOf(known));
  if (by === 'page') return { pageId, members: Array.from(memberProbabilities, () => null), mean, labelQuality: null };
  return {
    pageId,
    members: Array.from(memberProbabilities, (probability) =>
      Number.isNaN(probability) ? null : rounded(probability),
    ),
    mean,
    labelQuality: label === 'NOT_SURE' ? null : rounded(labelConfidenceOf(label, known)),
  };
}

/** JSON lines, one page each. */
export function encodeOutOfFold(pages: readonly OutOfFoldPage[]): Buffer {
  return Buffer.from(pages.map((page) => `${JSON.stringify(page)}\n`).join(''));
}

/** Throws `internal` naming the line that is not a page. */
export function decodeOutOfFold(bytes: Buffer): OutOfFoldPage[] {
  const lines = bytes.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, at) => {
    try {
      const page = JSON.parse(line) as OutOfFoldPage;
      if (Number.isInteger(page.pageId) && Array.isArray(page.members) && typeof page.mean === 'number') return page;
    } catch (error) {
      throw internal(`out-of-fold scores, line ${at + 1}: ${messageOf(error)}`, { cause: error });
    }
    throw internal(`out-of-fold scores, line ${at + 1}: not a scored page`);
  });
}

/** Single precision holds seven digits; more would only be noise in the file. */
const rounded = (probability: number) => Number(probability.toPrecision(7));
