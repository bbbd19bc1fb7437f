// States of an HQ list and the moves between them:
//
//     predicting --freeze--> auditing --last audit label--> published
//         |           \--no audit asked for-------------------^
//         \--> failed
//
//     importing --described--> published        (a list made elsewhere; never audited)
//         \--> failed
//
//     auditing | published --withdraw--> withdrawn
//     predicting | importing --withdraw--> cancelled
import { failedPrecondition } from '@florilegium/errors';
import type { Label } from './label.ts';

export const hqListStates = [
  'importing',
  'predicting',
  'auditing',
  'published',
  'withdrawn',
  'failed',
  'cancelled',
] as const;
export type HqListState = (typeof hqListStates)[number];

/** Made here from scores and labels, or elsewhere. */
export type HqListOrigin = 'published' | 'imported';

/** From here on the pages of a list are frozen and can be read. */
export const isFrozen = (state: HqListState): boolean =>
  state === 'auditing' || state === 'published' || state === 'withdrawn';

/** What a list becomes that is taken out of use; undefined where there is nothing to take. */
export function stateAfterWithdrawal(state: HqListState): 'withdrawn' | 'cancelled' | undefined {
  if (state === 'auditing' || state === 'published') return 'withdrawn';
  return state === 'predicting' || state === 'importing' ? 'cancelled' : undefined;
}

/** @throws failed_precondition when a list may not be begun beside an unfinished one: its audit must be settled first */
export function checkMayPublish(unfinished: { version: number; state: HqListState } | undefined): void {
  if (unfinished?.state === 'predicting' || unfinished?.state === 'auditing')
    throw failedPrecondition(
      `list ${unfinished.version} is ${unfinished.state}; the next one begins when it is published, withdrawn or has failed`,
    );
}

/**
 * Whether a page is in a list, and what put it there or kept it out. A person's current label beats the score, also of a page that has none: null, and
 * in no list without a label.
 */
export function listingOf(
  probability: number | null,
  threshold: number,
  label: Label | null,
): { listed: boolean; by: 'label' | 'score' } {
  if (label !== null) return { listed: label === 'HQ', by: 'label' };
  return { listed: probability !== null && probability >= threshold, by: 'score' };
}
