import { type LabelNumbering, labelNumberOf } from '@florilegium/bhl';
import { failedPrecondition, notFound } from '@florilegium/errors';
import type { TriageClass } from '../domain/triage.ts';
import type { Iteration } from '../repos/iterations.repo.ts';
import type { Proposal, ProposalFilter } from '../repos/triage.repo.ts';
import type { Repos } from '../store.ts';

export const relabelKinds = ['notsure', 'type_c', 'type_b_d'] as const;
export type RelabelKind = (typeof relabelKinds)[number];

const classesOf: Record<RelabelKind, TriageClass[]> = { notsure: ['NOTSURE'], type_c: ['C'], type_b_d: ['B', 'D'] };

export interface Relabels {
  iteration: Iteration;
  proposals: Proposal[];
}

/** Pages of an iteration that wait for a yes to the ensemble's label (notsure, type_c) or for any label (type_b_d). */
export async function proposeRelabels(
  { store }: { store: Pick<Repos, 'iterations' | 'triage'> },
  { number, kind, filter }: { number: number; kind: RelabelKind; filter?: ProposalFilter },
): Promise<Relabels> {
  const iteration = await store.iterations.find(number);
  if (!iteration) throw notFound('iteration', number);
  if (iteration.state !== 'review' && iteration.state !== 'closed')
    throw failedPrecondition(`iteration ${number} is ${iteration.state}: it proposes nothing yet`);
  return { iteration, proposals: await store.triage.listWaiting(iteration.id, classesOf[kind], filter) };
}

/** The proposals in the form of the reference's relabel files: `[id, label]`, or `[id]` where a person must label. */
export function toReferenceRelabels({ proposals }: Relabels, kind: RelabelKind, numbering: LabelNumbering): number[][] {
  return proposals.map(({ pageId, ensembleLabel }) =>
    kind === 'type_b_d' ? [pageId] : [pageId, labelNumberOf(ensembleLabel, numbering)],
  );
}
