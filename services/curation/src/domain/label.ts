export const labels = ['HQ', 'LQ', 'NOT_SURE'] as const;
export type Label = (typeof labels)[number];

export const isLabel = (text: unknown): text is Label => labels.includes(text as Label);

/** What somebody did: gave a label, or took back an earlier one. Events are only ever added. */
export type LabelEvent =
  | {
      id: number;
      pageId: number;
      kind: 'label';
      label: Label;
      by: string;
      at: Date;
      queue: string | null;
      /** The iteration whose guess was on the screen. */
      iteration: number | null;
      tookMs: number | null;
    }
  | { id: number; pageId: number; kind: 'undo'; undoes: number; by: string; at: Date };

export type LabelGiven = Extract<LabelEvent, { kind: 'label' }>;

/**
 * The label that stands after a page's events: the last one given that nobody took back. An undo takes back a label, never an undo,
 * so after it the label before that one stands again.
 * @param asOf only events up to then count
 */
export function currentLabelOf(events: readonly LabelEvent[], asOf?: Date): LabelGiven | undefined {
  const counted = asOf === undefined ? events : events.filter((event) => event.at <= asOf);
  const undone = new Set(counted.map((event) => (event.kind === 'undo' ? event.undoes : 0)));
  return counted
    .filter((event) => event.kind === 'label')
    .filter((event) => !undone.has(event.id))
    .reduce<LabelGiven | undefined>((last, event) => (last && last.id > event.id ? last : event), undefined);
}

/** The sets that the loop draws, in their order; `other` is a page that is known but in none of them. */
export const pageSetNames = ['heldout', 'stop', 'train', 'unlabelled'] as const;
export type PageSetName = (typeof pageSetNames)[number];

/** What decides whether a page's label is taken. */
export interface PageStanding {
  pageSet: PageSetName | 'other' | 'unknown';
  /** Version of the list whose audit waits for this page's label. */
  openAuditVersion: number | null;
}

export interface Refusal {
  code: 'not_found' | 'failed_precondition' | 'invalid_argument';
  message: string;
}

/**
 * Why a label is not taken, or undefined when it is. Heldout pages measure the ensembles and stop pages their change, so nobody's
 * label may touch them; the one exception are pages that an audit drew, for audited pages never train.
 */
export function refusalOf(pageId: number, standing: PageStanding, queue: string | undefined): Refusal | undefined {
  if (standing.openAuditVersion !== null) {
    if (queue === 'audit') return undefined;
    return {
      code: 'failed_precondition',
      message: `page ${pageId} is in the audit of list ${standing.openAuditVersion}: it is labelled blind, through the queue audit`,
    };
  }
  if (queue === 'audit')
    return { code: 'failed_precondition', message: `page ${pageId} is not in the sample of a list being audited` };
  if (standing.pageSet === 'unknown') return { code: 'not_found', message: `page ${pageId} is not known` };
  if (standing.pageSet === 'heldout' || standing.pageSet === 'stop')
    return {
      code: 'failed_precondition',
      message: `page ${pageId} is in the set ${standing.pageSet}, which is never labelled`,
    };
  return undefined;
}

/** Whether a page's label may train: only pages of train and unlabelled, and none that any audit drew. */
export const mayTrain = (pageSet: PageSetName | 'other', audited: boolean): boolean =>
  (pageSet === 'train' || pageSet === 'unlabelled') && !audited;
