import { failedPrecondition, invalidArgument } from '@florilegium/errors';

/**
 * States of a prediction run and the moves between them:
 *
 *     pending --its pages are listed--> running --all batches done--> done
 *        |                                |  \--a batch gives up--> failed
 *        \--------------cancel------------/--> cancelled
 *
 * The same ensemble and selection are the same run, unless that one failed or was cancelled.
 */
export const runStates = ['pending', 'running', 'done', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];
export const hasEnded = (state: RunState): boolean => state !== 'pending' && state !== 'running';

/** What a run goes over: a page set or all candidates of a rule. */
export type PageSelection = { kind: 'page-set'; pageSetId: string } | { kind: 'rule'; rule: string };

export interface PredictionRun {
  id: string;
  /** Short key of its predictions. */
  number: number;
  ensembleId: string;
  selection: PageSelection;
  state: RunState;
  reason: string;
  doneCount: number;
  /** 0 while the pages are still being listed. */
  totalCount: number;
  predictedCount: number;
  /** Pages without an image or with one that cannot be decoded. */
  noImageCount: number;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** Exactly one of the two, checked; rules are named as catalog names them. */
export function selectionOf(pageSetId: string | undefined, rule: string | undefined): PageSelection {
  if (pageSetId && rule) throw invalidArgument('either pageSetId or rule, not both', { field: 'rule' });
  if (rule) {
    if (!/^[a-z0-9][a-z0-9_-]{0,99}$/.test(rule))
      throw invalidArgument(`${JSON.stringify(rule.slice(0, 80))} is no name of a rule`, { field: 'rule' });
    return { kind: 'rule', rule };
  }
  if (!pageSetId) throw invalidArgument('pageSetId or rule is missing', { field: 'pageSetId' });
  return { kind: 'page-set', pageSetId };
}

/** Predictions are read when all of them are there. */
export function checkReadable(run: PredictionRun): void {
  if (run.state !== 'done')
    throw failedPrecondition(`prediction run ${run.id} is ${run.state}${run.reason ? `: ${run.reason}` : ''}`, {
      field: 'runId',
    });
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @throws invalid_argument naming the field when the text is no UUID */
export function checkUuid(text: string, field: string): string {
  if (!uuid.test(text)) throw invalidArgument(`${JSON.stringify(text.slice(0, 80))} is no UUID`, { field });
  return text.toLowerCase();
}
