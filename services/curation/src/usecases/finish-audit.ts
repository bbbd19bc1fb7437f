import { eventMessage } from '@florilegium/messaging';
import { estimateAudit } from '../domain/audit-estimate.ts';
import { metrics } from '../metrics.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import type { TxStore } from '../store.ts';

/** Publishes a list whose audit pages all have their label, with what they say of it. The list's row must be locked. */
export async function finishAudit(tx: TxStore, list: HqList): Promise<void> {
  if ((await tx.audits.countWaiting(list.id)) > 0) return;
  const strata = await tx.audits.listStrata(list.id);
  const ofCandidates = strata.filter(({ outside }) => !outside);
  // Where none of the candidates was looked at nothing was measured, whatever is known from outside; where all were labelled before, everything is known.
  const isMeasured = ofCandidates.length === 0 || ofCandidates.some(({ auditedCount }) => auditedCount > 0);
  if (strata.length > 0 && isMeasured) {
    const figures = estimateAudit(
      ofCandidates,
      list.labelledHqCount ?? 0,
      strata.find(({ outside }) => outside),
    );
    const notSureCount = strata.reduce((sum, stratum) => sum + stratum.notSureCount, 0);
    await tx.hqLists.setFigures(list.id, figures, notSureCount);
  }
  await tx.hqLists.setState(list.id, 'published');
  metrics.hqListMoved('published');
  await tx.emit([
    eventMessage('curation.hq_list.published', {
      hqListId: list.id,
      version: list.version,
      pageCount: list.pageCount ?? 0,
    }),
  ]);
}
