import { internal, invalidArgument } from '@florilegium/errors';

export type PageLabel = 'HQ' | 'LQ' | 'NOT_SURE';

/** Labelled pages without what they look like. */
export interface LabelledPages {
  /** NOT_SURE pages do not train; they are scored out of fold like the others. */
  labels: readonly PageLabel[];
  /** The item of each page. Folds and bootstraps take whole items, since pages of one book look alike. */
  itemIds: ArrayLike<number>;
}

/** Labelled pages as their embeddings. All members of an ensemble read the same one; it must not change once it was trained on. */
export interface TrainingSet extends LabelledPages {
  /** Row-major, one row of `dims` finite numbers a page. */
  rows: Float32Array;
  dims: number;
}

/**
 * Throws `invalid_argument` when the labels cannot train a classifier: a class with fewer than two pages cannot be split
 * into a part that trains and a part that judges. Embeddings that are not finite are refused in the same way: trying again is useless.
 */
export function checkTrainingSet(set: TrainingSet): void {
  const pageCount = set.labels.length;
  if (set.rows.length !== pageCount * set.dims || set.itemIds.length !== pageCount) {
    throw internal(
      `training set has ${set.rows.length} values and ${set.itemIds.length} items for ${pageCount} pages of ${set.dims} dimensions`,
    );
  }
  checkLabels(set.labels);
  for (let at = 0; at < set.rows.length; at++) {
    if (!Number.isFinite(set.rows[at]))
      throw invalidArgument(`embedding of page row ${Math.floor(at / set.dims)} is not finite`);
  }
}

/** What a page weighs for the number of labelled pages of its item: that number to the power of minus `itemDiscount`. */
export function itemDiscountsOf({ labels, itemIds }: LabelledPages, itemDiscount: number): Float64Array {
  const counts = new Map<number, number>();
  for (const [page, label] of labels.entries())
    if (label !== 'NOT_SURE') counts.set(itemIds[page]!, (counts.get(itemIds[page]!) ?? 0) + 1);
  return Float64Array.from(labels, (_, page) => (counts.get(itemIds[page]!) ?? 1) ** -itemDiscount);
}

/** The part of `checkTrainingSet` that needs no embeddings. */
export function checkLabels(labels: readonly PageLabel[]): void {
  for (const label of ['HQ', 'LQ'] as const) {
    const count = labels.filter((given) => given === label).length;
    if (count < 2) {
      throw invalidArgument(
        `the label set has ${count} usable ${label} ${count === 1 ? 'page' : 'pages'}; training needs at least 2 of each of HQ and LQ`,
      );
    }
  }
}
