import { Type } from 'typebox';
import type { OutsideFigures } from '../domain/audit-estimate.ts';
import { hqListStates } from '../domain/hq-list.ts';
import type { HqList } from '../repos/hq-lists.repo.ts';
import { nullable } from './iteration-view.ts';

const number = nullable(Type.Number());
const count = nullable(Type.Integer());
const text = nullable(Type.String());

export const hqListSchema = Type.Object(
  {
    id: Type.String(),
    version: Type.Integer(),
    state: Type.String({ enum: [...hqListStates] }),
    reason: text,
    rule: Type.String(),
    threshold: Type.Number(),
    iteration: Type.Integer(),
    ensembleId: Type.String(),
    modelSha256: Type.String(),
    labelSetId: Type.String(),
    labelSetSha256: Type.String(),
    candidatesSha256: nullable(
      Type.String({ description: 'SHA-256 over the scored candidates, one PageID a line in ascending order' }),
    ),
    pagesSha256: nullable(Type.String({ description: "SHA-256 over the list's pages in the same form" })),
    pageCount: count,
    labelledHqCount: nullable(Type.Integer({ description: 'Pages that are listed because a person labelled them HQ' })),
    candidateCount: nullable(Type.Integer({ description: 'Candidates with a score' })),
    noImageCount: nullable(Type.Integer({ description: 'Candidates without an image, which nobody can score' })),
    auditCount: Type.Integer(),
    auditedCount: Type.Integer(),
    auditedNotSureCount: nullable(
      Type.Integer({ description: 'Audited pages labelled NOT_SURE; they count as not HQ' }),
    ),
    audited: Type.Boolean(),
    precision: number,
    precisionLow: number,
    precisionHigh: number,
    recall: number,
    recallLow: number,
    recallHigh: number,
    outside: nullable(
      Type.Object(
        {
          pageCount: Type.Integer({ description: 'Pages of the newest export that no rule keeps' }),
          auditedCount: Type.Integer(),
          hqCount: Type.Integer(),
          share: Type.Number({ description: 'Of HQ pages among them' }),
          shareLow: Type.Number(),
          shareHigh: Type.Number(),
          recall: Type.Number({ description: 'HQ pages of the list over those of the whole export' }),
          recallLow: Type.Number(),
          recallHigh: Type.Number(),
        },
        { description: 'What the audit says of pages outside the candidates; null where it drew none' },
      ),
    ),
    createdAt: Type.String({ format: 'date-time' }),
    publishedAt: text,
  },
  { title: 'HqList' },
);

export function viewHqList(list: HqList) {
  const { figures } = list;
  return {
    id: list.id,
    version: list.version,
    state: list.state,
    reason: list.reason,
    rule: list.rule,
    threshold: list.threshold,
    iteration: list.iterationNumber,
    ensembleId: list.ensembleId,
    modelSha256: list.modelSha256,
    labelSetId: list.labelSetId,
    labelSetSha256: list.labelSetSha256,
    candidatesSha256: list.candidatesSha256,
    pagesSha256: list.pagesSha256,
    pageCount: list.pageCount,
    labelledHqCount: list.labelledHqCount,
    candidateCount: list.candidateCount,
    noImageCount: list.noImageCount,
    auditCount: list.auditCount,
    auditedCount: list.auditedCount,
    auditedNotSureCount: list.notSureCount,
    audited: figures !== null,
    precision: figures?.precision.estimate ?? null,
    precisionLow: figures?.precision.low ?? null,
    precisionHigh: figures?.precision.high ?? null,
    recall: figures?.recall.estimate ?? null,
    recallLow: figures?.recall.low ?? null,
    recallHigh: figures?.recall.high ?? null,
    outside: viewOutside(figures?.outside),
    createdAt: list.createdAt.toISOString(),
    publishedAt: list.publishedAt?.toISOString() ?? null,
  };
}

/** Lists that were audited before audits looked outside have no such figures. */
function viewOutside(outside: OutsideFigures | null | undefined) {
  if (!outside) return null;
  const { pageCount, auditedCount, hqCount, share, recall } = outside;
  return {
    pageCount,
    auditedCount,
    hqCount,
    share: share.estimate,
    shareLow: share.low,
    shareHigh: share.high,
    recall: recall.estimate,
    recallLow: recall.low,
    recallHigh: recall.high,
  };
}
