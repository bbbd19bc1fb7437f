/**
 * What may be done with a page's image, from most to least: no rights known to stand, free with the maker named, free with
 * conditions (no trade, no changes, or what a contract or another law than copyright demands), only with permission, not said.
 */
export const reuseClasses = ['public_domain', 'attribution', 'limited', 'in_copyright', 'unknown'] as const;
export type Reuse = (typeof reuseClasses)[number];

export interface RightsFacts {
  copyrightStatus: string;
  statement: string;
  /** Address or name of a licence. */
  license: string;
}

/**
 * The class of rights as BHL writes them: a licence says more than a status, because BHL holds pages that are in copyright
 * and licensed by their owner.
 */
export function reuseOf({ copyrightStatus, statement, license }: RightsFacts): Reuse {
  for (const text of [license, statement]) {
    const said = text.toLowerCase();
    if (/publicdomain|\bcc0\b|\/zero\//.test(said)) return 'public_domain';
    const conditions = /licenses\/([a-z-]+)/.exec(said)?.[1] ?? /\bcc[ -](by[a-z -]*)/.exec(said)?.[1];
    if (conditions !== undefined) return /nc|nd/.test(conditions) ? 'limited' : 'attribution';
  }
  const said = `${copyrightStatus} ${statement} ${license}`.toLowerCase().replaceAll('_', ' ');
  // rightsstatements.org: no copyright, but a contract, a law or the country stands in the way of some uses.
  if (/vocab\/noc-(nc|cr|oklr)/.test(said)) return 'limited';
  if (/public domain|not in copyright|no known copyright|no longer under copyright|vocab\/(noc-us|nkc)/.test(said)) {
    return 'public_domain';
  }
  if (/in copyright|permission|all rights reserved|vocab\/inc/.test(said)) return 'in_copyright';
  return 'unknown';
}
