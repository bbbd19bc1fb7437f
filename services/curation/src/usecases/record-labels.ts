import type { CatalogClient } from '../clients/catalog.client.ts';
import { isLabel, type PageSetName, type PageStanding, type Refusal, refusalOf } from '../domain/label.ts';
import { metrics } from '../metrics.ts';
import type { NewLabel } from '../repos/labels.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { answerOnce } from './answer-once.ts';
import { type CopyPageSetsDeps, copyPageSets } from './copy-page-sets.ts';
import { finishAudit } from './finish-audit.ts';

export interface RecordLabelsDeps extends CopyPageSetsDeps {
  store: Store;
  catalog: CopyPageSetsDeps['catalog'] & Pick<CatalogClient, 'findPages'>;
}

export interface LabelInput {
  pageId: number;
  /** As the caller wrote it. */
  label: string;
  iteration?: number;
  tookMs?: number;
  queue?: string;
}

export interface RecordLabelsInput {
  labels: readonly LabelInput[];
  by: string;
  /** The same key of the same person answers with what the first request did; with other labels it is refused. */
  idempotencyKey?: string;
}

export interface RecordLabelsResult {
  recordedCount: number;
  refused: ({ index: number; pageId: number } & Refusal)[];
}

interface Recorded extends RecordLabelsResult {
  /** By page: what an undo that names this request takes back. */
  eventIds: Record<number, number>;
}

/** Catalog finds no more at once. */
const catalogPagesMax = 500;

/** Records what can be recorded in one transaction and names what cannot, with its place in the request. */
export async function recordLabels(deps: RecordLabelsDeps, input: RecordLabelsInput): Promise<RecordLabelsResult> {
  await copyPageSets(deps);
  const pageSets = await findPageSets(deps, input.labels);
  const { result, isRepeated } = await deps.store.inTransaction(async (tx) => {
    const { by, idempotencyKey } = input;
    const asked = input.labels.map(({ pageId, label, queue }) => [pageId, label, queue ?? null]);
    return await answerOnce(tx, { by, key: idempotencyKey, request: asked }, () => record(tx, input, pageSets));
  });
  if (!isRepeated) for (const { code } of result.refused) metrics.labelRefused(code);
  return result;
}

/** In a transaction: records what can be recorded of labels whose sets are known. */
export async function record(
  tx: TxStore,
  { labels, by }: RecordLabelsInput,
  pageSets: Map<number, PageStanding['pageSet']>,
): Promise<Recorded> {
  await tx.lockLabels('shared');
  const iterations = await tx.iterations.knownNumbers(labels.flatMap(({ iteration }) => iteration ?? []));
  const openAudits = await tx.audits.openVersionOf(labels.map(({ pageId }) => pageId));
  const refused: RecordLabelsResult['refused'] = [];
  const accepted: NewLabel[] = [];
  labels.forEach(({ pageId, label, iteration, tookMs, queue }, index) => {
    if (!isLabel(label)) {
      const message = `labels[${index}].label is not HQ, LQ or NOT_SURE: ${label.slice(0, 40)}`;
      refused.push({ index, pageId, code: 'invalid_argument', message });
      return;
    }
    if (iteration !== undefined && !iterations.has(iteration)) {
      const message = `labels[${index}].iteration is not known: ${iteration}`;
      refused.push({ index, pageId, code: 'not_found', message });
      return;
    }
    const standing: PageStanding = {
      pageSet: pageSets.get(pageId) ?? 'unknown',
      openAuditVersion: openAudits.get(pageId) ?? null,
    };
    const refusal = refusalOf(pageId, standing, queue);
    if (refusal) refused.push({ index, pageId, ...refusal });
    else accepted.push({ pageId, label, iteration: iteration ?? null, tookMs: tookMs ?? null, queue: queue ?? null });
  });
  const eventIds = await tx.labels.addLabels(by, accepted);
  for (const { label } of accepted) metrics.labelRecorded(label);
  const audited = accepted.filter(({ pageId }) => openAudits.has(pageId));
  if (audited.length > 0) await takeIntoAudit(tx, openAudits.get(audited[0]!.pageId)!, audited);
  return { recordedCount: accepted.length, refused, eventIds };
}

async function takeIntoAudit(tx: TxStore, version: number, audited: readonly NewLabel[]): Promise<void> {
  // The lock lets two curators' last labels see each other; only one audit is open at a time.
  const list = await tx.hqLists.lockVersion(version);
  if (list?.state !== 'auditing') return;
  const last = new Map(audited.map(({ pageId, label }) => [pageId, { pageId, label }]));
  await tx.audits.setLabels(list.id, [...last.values()]);
  await finishAudit(tx, list);
}

/** The set of each page: our copy first, then catalog for pages that are in none. */
export async function findPageSets(
  { store, catalog }: RecordLabelsDeps,
  labels: readonly Pick<LabelInput, 'pageId'>[],
): Promise<Map<number, PageSetName | 'other'>> {
  const pageIds = [...new Set(labels.map(({ pageId }) => pageId))];
  const sets: Map<number, PageSetName | 'other'> = new Map(await store.pages.setsOf(pageIds));
  const elsewhere = pageIds.filter((pageId) => !sets.has(pageId));
  for (let start = 0; start < elsewhere.length; start += catalogPagesMax)
    for (const { pageId } of await catalog.findPages(elsewhere.slice(start, start + catalogPagesMax)))
      sets.set(pageId, 'other');
  return sets;
}
