export { defaultRetryLimits, movePage, type PageMove, type RetryLimits } from '@florilegium/bhl';

/**
 * States of a page in a run and the moves between them:
 *
 *     pending --image stored--> stored
 *        |  \--no source has it--> missing | placeholder      \
 *        |  \--a host refuses----> blocked                     > retry of the failed alone --> pending
 *        |  \--not an image, three rounds long----> corrupt   /
 *        \--nothing final learnt--> retry_at --its time comes--> as pending; too often--> blocked
 */
export const pageStates = ['pending', 'retry_at', 'stored', 'missing', 'placeholder', 'corrupt', 'blocked'] as const;
export type PageState = (typeof pageStates)[number];
export type FailedState = Extract<PageState, 'missing' | 'placeholder' | 'corrupt' | 'blocked'>;
export const failedStates: readonly FailedState[] = ['missing', 'placeholder', 'corrupt', 'blocked'];
