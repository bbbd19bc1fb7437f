import { Type } from 'typebox';
import { iterationStates } from '../domain/iteration.ts';
import { triageClasses } from '../domain/triage.ts';
import type { Iteration, IterationRun } from '../repos/iterations.repo.ts';

export const nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);
const number = nullable(Type.Number());
const text = nullable(Type.String());

const curveSchema = Type.Object({
  pageCount: Type.Integer(),
  meanEntropy: number,
  meanDisagreement: number,
  hqShare: number,
  changeOfMind: number,
  changeOfMindByMember: nullable(Type.Array(Type.Number())),
});

export const iterationSchema = Type.Object(
  {
    id: Type.String(),
    number: Type.Integer(),
    state: Type.String({ enum: [...iterationStates] }),
    reason: text,
    labelSetId: text,
    labelCount: Type.Integer(),
    counts: Type.Object({ HQ: Type.Integer(), LQ: Type.Integer(), NOT_SURE: Type.Integer() }),
    parentEnsembleId: text,
    ensembleId: text,
    backboneName: text,
    method: Type.String(),
    parameters: Type.Object({}, { additionalProperties: true }),
    triageRule: Type.Object({ entropyQuantile: Type.Number(), entropyThreshold: number, randomShare: Type.Number() }),
    entropyThreshold: number,
    triage: nullable(Type.Object(Object.fromEntries(triageClasses.map((name) => [name, Type.Integer()])))),
    curves: nullable(
      Type.Object({
        meanEntropy: number,
        meanDisagreement: number,
        changeOfMind: number,
        kappa: number,
        kappaLow: number,
        kappaHigh: number,
        fChangeBound: number,
        bySet: Type.Object({ unlabelled: curveSchema, stop: curveSchema }),
      }),
    ),
    verdict: nullable(
      Type.Object({ decision: Type.String({ enum: ['continue', 'may stop', 'stop'] }), reason: Type.String() }),
    ),
    predictionRuns: Type.Record(Type.String(), Type.String(), {
      description: 'Prediction run of each page set, once it is started',
    }),
    outOfFold: nullable(
      Type.Object({
        accuracy: Type.Number(),
        auc: Type.Number(),
        logLoss: Type.Number(),
        pageCount: Type.Integer(),
      }),
    ),
    createdAt: Type.String({ format: 'date-time' }),
    endedAt: text,
  },
  { title: 'Iteration' },
);

export function viewIteration(iteration: Iteration, runs: readonly IterationRun[]) {
  const { HQ, LQ, NOT_SURE } = iteration.counts;
  return {
    id: iteration.id,
    number: iteration.number,
    state: iteration.state,
    reason: iteration.reason,
    labelSetId: iteration.labelSetId,
    labelCount: HQ + LQ + NOT_SURE,
    counts: iteration.counts,
    parentEnsembleId: iteration.parentEnsembleId,
    ensembleId: iteration.ensembleId,
    backboneName: iteration.backboneName,
    method: iteration.method,
    parameters: iteration.parameters,
    triageRule: iteration.triageRule,
    entropyThreshold: iteration.entropyThreshold,
    triage: iteration.triageCounts as Record<string, number> | null,
    curves: iteration.curves,
    verdict: iteration.verdict,
    predictionRuns: Object.fromEntries(runs.flatMap(({ pageSet, runId }) => (runId ? [[pageSet, runId]] : []))),
    outOfFold: iteration.outOfFoldScores,
    createdAt: iteration.createdAt.toISOString(),
    endedAt: iteration.endedAt?.toISOString() ?? null,
  };
}
