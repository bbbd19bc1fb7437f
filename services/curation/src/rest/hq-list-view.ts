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
    origin: Type.String({ enum: ['published', 'imported'], description: 'Made here, or elsewhere and imported' }),
    source: nullable(Type.String({ description: 'Where an imported list comes from' })),
    rule: Type.String(),
    ruleVersion: count,
    ruleSha256: text,
    threshold: nullable(
      Type.Number({ description: 'Null until a list with a target precision is frozen, and for imported lists' }),
    ),
    targetPrecision: number,
    expectedPrecision: nullable(
      Type.Number({ description: 'What the calibrated scores let expect of the frozen list; no audit' }),
    ),
    expectedPrecisionLow: nullable(
      Type.Number({
        description: 'One-sided 95 % lower bound of it, from labels judged by members that never saw their book',
      }),
    ),
    iteration: count,
    ensembleId: text,
    modelSha256: text,
    labelSetId: text,
    labelSetSha256: text,
    candidatesSha256: nullable(
      Type.String({ description: 'SHA-256 over the scored candidates, one PageID a line in ascending order' }),
    ),
    pagesSha256: nullable(Type.String({ description: "SHA-256 over the list's pages in the same form" })),
    pageCount: count,
    labelledHqCount: nullable(
      Type.Integer({
        description: 'Pages that are listed because a person labelled them HQ, those without a score too',
      }),
    ),
    candidateCount: nullable(Type.Integer({ description: 'Candidates with a score' })),
    noImageCount: nullable(Type.Integer({ description: 'Candidates without an image, which nobody can score' })),
    imagePendingCount: nullable(
      Type.Integer({ description: 'Candidates without a score whose image was still to come' }),
    ),
    imageUnavailableCount: nullable(
      Type.Integer({ description: 'Candidates without a score that have no image that can be used' }),
    ),
    notCandidateCount: nullable(
      Type.Integer({ description: 'Pages of an imported list that its rule does not select' }),
    ),
    unknownPageCount: nullable(Type.Integer({ description: 'Pages of an imported list that catalog does not know' })),
    objectKey: nullable(Type.String({ description: 'Where the text of the list is in the object store' })),
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
    origin: list.origin,
    source: list.source,
    rule: list.rule,
    ruleVersion: list.ruleVersion,
    ruleSha256: list.ruleSha256,
    targetPrecision: list.targetPrecision,
    expectedPrecision: list.expectedPrecision,
    expectedPrecisionLow: list.expectedPrecisionLow,
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
    imagePendingCount: list.imagePendingCount,
    imageUnavailableCount: list.imageUnavailableCount,
    notCandidateCount: list.notCandidateCount,
    unknownPageCount: list.unknownPageCount,
    objectKey: list.objectKey,
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
