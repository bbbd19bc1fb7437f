import type { CompiledRule } from '@florilegium/bhl';
import type { PageRowFacts } from './page.ts';

export interface Shares {
  both: number;
  onlyOne: number;
  onlyOther: number;
}

/** Pages that two rules select. A page with several languages, types or prefixes counts once under each of them. */
export interface RuleComparison extends Shares {
  one: string;
  other: string;
  /** By the language of the prefix that matched; `none` where no row has a plate-like prefix. */
  byLanguage: Record<string, Shares>;
  byPrefix: Record<string, Shares>;
  byType: Record<string, Shares>;
  /** `1830s`; `unknown` where neither page nor item nor title tells a year. */
  byDecade: Record<string, Shares>;
}

export interface ComparedPage {
  pageId: number;
  inOne: boolean;
  inOther: boolean;
  year: string;
  rows: readonly PageRowFacts[];
}

export const decadeOf = (year: string): string => {
  const found = /\d{4}/.exec(year)?.[0];
  return found === undefined ? 'unknown' : `${found.slice(0, 3)}0s`;
};

export class RuleComparer {
  private readonly one: CompiledRule;
  private readonly other: CompiledRule;
  private readonly total: Shares = { both: 0, onlyOne: 0, onlyOther: 0 };
  private readonly byLanguage = new Map<string, Shares>();
  private readonly byPrefix = new Map<string, Shares>();
  private readonly byType = new Map<string, Shares>();
  private readonly byDecade = new Map<string, Shares>();

  constructor(one: CompiledRule, other: CompiledRule) {
    this.one = one;
    this.other = other;
  }

  add({ inOne, inOther, year, rows }: ComparedPage): void {
    const share = inOne && inOther ? 'both' : inOne ? 'onlyOne' : 'onlyOther';
    const patterns = rows.flatMap((row) => {
      const found = this.one.judgeRow(row).prefixPattern ?? this.other.judgeRow(row).prefixPattern;
      return found ? [found] : [];
    });
    const orNone = (names: string[]) => (names.length > 0 ? names : ['none']);
    this.total[share]++;
    count(this.byLanguage, orNone(patterns.map(({ language }) => language)), share);
    count(this.byPrefix, orNone(patterns.map(({ name }) => name)), share);
    count(
      this.byType,
      rows.map(({ typeName }) => typeName || 'none'),
      share,
    );
    count(this.byDecade, [decadeOf(year)], share);
  }

  result(): RuleComparison {
    return {
      one: this.one.rule.name,
      other: this.other.rule.name,
      ...this.total,
      byLanguage: sorted(this.byLanguage),
      byPrefix: sorted(this.byPrefix),
      byType: sorted(this.byType),
      byDecade: sorted(this.byDecade),
    };
  }
}

function count(counts: Map<string, Shares>, names: readonly string[], share: keyof Shares): void {
  for (const name of new Set(names)) {
    const shares = counts.get(name) ?? { both: 0, onlyOne: 0, onlyOther: 0 };
    shares[share]++;
    counts.set(name, shares);
  }
}

const sorted = (counts: Map<string, Shares>): Record<string, Shares> =>
  Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)));
