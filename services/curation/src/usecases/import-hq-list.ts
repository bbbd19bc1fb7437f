import { createHash } from 'node:crypto';
import { alreadyExists, invalidArgument, unavailable } from '@florilegium/errors';
import { eventMessage } from '@florilegium/messaging';
import { v7 as uuidv7 } from 'uuid';
import type { CatalogClient } from '../clients/catalog.client.ts';
import { metrics } from '../metrics.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { Store, TxStore } from '../store.ts';
import { type DescribeListDeps, describePages } from './describe-pages.ts';
import { readListText } from './read-list-text.ts';

export interface ImportHqListInput {
  /** Where the list comes from, in words. */
  source: string;
  /** The rule that its pages are compared with. */
  rule: string;
  pageIds: AsyncIterable<readonly number[]>;
  by: string;
  idempotencyKey?: string;
}

/** A stage that nobody has finished after this long is one whose program was killed. */
const staleAfterMs = 24 * 60 * 60_000;
/** Some times what all of BHL could hold of plates; a list of more is a mistake. */
const pagesMax = 5_000_000;

/**
 * Takes a list made elsewhere as a version of its own, with pages that are no candidates here too. It is read to its end before it is a
 * version; its stories follow as queued work. A page named twice is in it once.
 * @throws not_found for an unknown rule; invalid_argument for a list without a page, or of too many; unavailable when pages that were staged are lost: the
 *   stage does not outlive a crash of PostgreSQL
 */
export async function importHqList(
  { store, catalog }: { store: Store; catalog: Pick<CatalogClient, 'getRule'> },
  { source, rule, pageIds, by, idempotencyKey }: ImportHqListInput,
): Promise<HqList> {
  await catalog.getRule(rule);
  await store.hqLists.clearStaleScores(uuidv7({ msecs: Date.now() - staleAfterMs }));
  const id = uuidv7();
  try {
    let named = 0;
    let staged = 0;
    for await (const part of pageIds) {
      named += part.length;
      if (named > pagesMax) throw invalidArgument(`the list names more than ${pagesMax} pages`);
      staged += await store.hqLists.stagePages(id, part);
    }
    if (named === 0) throw invalidArgument('the list names no page');
    return await store.inTransaction(async (tx) => {
      await tx.hqLists.lockStart();
      const before = idempotencyKey && (await tx.hqLists.findByKey(idempotencyKey));
      if (before) {
        if (before.origin === 'imported' && before.source === source && before.rule === rule) return before;
        throw alreadyExists(`the Idempotency-Key was used for list ${before.version}, which was asked for otherwise`, {
          field: 'Idempotency-Key',
        });
      }
      const version = ((await tx.hqLists.findNewest())?.version ?? 0) + 1;
      await tx.hqLists.addImported({
        id,
        version,
        rule,
        source,
        seed: `imported ${version}`,
        startedBy: by,
        idempotencyKey: idempotencyKey ?? null,
      });
      const added = await tx.hqLists.addStagedPages(id);
      if (added !== staged) throw unavailable(`${added} of ${staged} pages of the list are left; send it again`);
      await tx.hqLists.setPageCount(id, added);
      await tx.enqueue('describe-list', id, [0]);
      metrics.hqListMoved('importing');
      return (await tx.hqLists.find(version))!;
    });
  } finally {
    await store.hqLists.clearScores(id);
  }
}

export interface DescribedList {
  pagesSha256: string;
  candidateCount: number;
  listedCandidateCount: number;
  unknownPageCount: number;
}

const partPages = 5000;

/** Stories of an imported list's pages, and how it stands to the candidates of its rule. @returns undefined when nobody waits for it */
export async function describeImportedList(
  deps: DescribeListDeps,
  listId: string,
  signal: AbortSignal,
): Promise<DescribedList | undefined> {
  const { store, catalog } = deps;
  const list = await store.hqLists.findById(listId);
  if (list?.state !== 'importing') return undefined;
  let unknownPageCount = 0;
  for (let after = -1; ; ) {
    signal.throwIfAborted();
    const pages = await store.hqLists.readPages(listId, after, partPages);
    if (pages.length === 0) break;
    unknownPageCount += await describePages(
      deps,
      listId,
      pages.map(({ pageId }) => pageId),
    );
    after = pages.at(-1)!.pageId;
  }
  let candidateCount = 0;
  let listedCandidateCount = 0;
  for await (const pageIds of catalog.streamCandidates(list.rule, signal)) {
    candidateCount += pageIds.length;
    listedCandidateCount += (await store.hqLists.findListed(listId, pageIds)).size;
  }
  const hash = createHash('sha256');
  for await (const part of readListText(store, list)) hash.update(part);
  return { pagesSha256: hash.digest('hex'), candidateCount, listedCandidateCount, unknownPageCount };
}

/** In the transaction that ends the work: the list can be read. */
export async function publishImportedList(tx: TxStore, listId: string, described: DescribedList): Promise<void> {
  const list = await tx.hqLists.lock(listId);
  if (list?.state !== 'importing') return;
  const pageCount = list.pageCount ?? 0;
  await tx.hqLists.setImported(listId, {
    pagesSha256: described.pagesSha256,
    candidateCount: described.candidateCount,
    notCandidateCount: pageCount - described.listedCandidateCount,
    unknownPageCount: described.unknownPageCount,
  });
  await tx.hqLists.setState(listId, 'published');
  await tx.enqueue('store-list', listId, [0]);
  metrics.hqListMoved('published');
  await tx.emit([eventMessage('curation.hq_list.published', { hqListId: listId, version: list.version, pageCount })]);
}
