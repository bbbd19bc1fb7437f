import { decides, type Opinion, type TriageClass } from '@florilegium/ensemble/arithmetic';
import type { Label } from './label.ts';

export {
  decides,
  entropyQuantile,
  type Opinion,
  opinionOf,
  type TriageClass,
  triageClasses,
  triageLabelled,
  triageUnlabelled,
} from '@florilegium/ensemble/arithmetic';

/** Why a page is asked, in words for the person who is asked. */
export function reasonOf(triageClass: TriageClass, opinion: Opinion, label?: Label): string {
  const count = opinion.members.length;
  const votes = `${opinion.dissenting} of ${count} members ${opinion.dissenting === 1 ? 'dissents' : 'dissent'}`;
  const sure = `P(HQ) ${opinion.mean.toFixed(2)}`;
  switch (triageClass) {
    case 'A':
      return `the ensemble is sure and of one mind (${sure})`;
    case 'B':
      return `all members agree and none is sure (${sure})`;
    case 'C':
      return `${votes}, though the ensemble as a whole is sure (${sure})`;
    case 'D':
      return `${votes} and the ensemble is not sure (${sure})`;
    case 'NOTSURE':
      return `labelled NOT_SURE, and members that never saw this book are sure that it is ${decides(opinion.mean)} (${sure})`;
    case 'MISPREDICTION': {
      const against = opinion.members.filter((member) => decides(member) !== label).length;
      return `labelled ${label}, but ${against} of ${count} members that never saw this book ${against === 1 ? 'says' : 'say'} otherwise (${sure})`;
    }
    case 'UNCERTAIN':
      return `labelled ${label}, and members that never saw this book agree without being sure (${sure})`;
  }
}

/** How triage and queues of an iteration are made; stored with the iteration. */
export interface TriageRule {
  /** Share of the unlabelled pages whose entropy counts as low. */
  entropyQuantile: number;
  /** In nats, where somebody named it; null where the quantile decides. */
  entropyThreshold: number | null;
  /** Share of the review queue that is drawn by lot. */
  randomShare: number;
}
