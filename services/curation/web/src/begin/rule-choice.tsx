import { useState } from 'preact/hooks';
import { counted, whole } from '../design/format.ts';
import { ProblemNote, Segments } from '../design/parts.tsx';
import { useRest } from '../rest/use-rest.ts';

interface Rule {
  name: string;
  version: number;
  description: string;
  candidateCount: number;
  missingRows: string[];
}

interface Shares {
  both: number;
  onlyOne: number;
  onlyOther: number;
}

interface Comparison extends Shares {
  one: string;
  other: string;
  byLanguage: Record<string, Shares>;
  byPrefix: Record<string, Shares>;
  byType: Record<string, Shares>;
  byDecade: Record<string, Shares>;
}

type Kind = 'byType' | 'byPrefix' | 'byLanguage' | 'byDecade';
const kindTitles: Record<Kind, string> = {
  byType: 'Page type',
  byPrefix: 'Prefix',
  byLanguage: 'Language',
  byDecade: 'Decade',
};
const rowsMax = 14;

export interface RuleChoiceProps {
  rule: string;
  onRule: (rule: string) => void;
}

/** The rules with what they select, and what one finds that another does not. */
export function RuleChoice({ rule, onRule }: RuleChoiceProps) {
  const { data, problem } = useRest<{ rules: Rule[] }>('/v1/pages/rules');
  const rules = data?.rules ?? [];
  const other = rules.find(({ name }) => name !== rule)?.name;
  return (
    <div class="step-body">
      <ProblemNote problem={problem} />
      <fieldset class="rules">
        <legend class="unseen">Candidate rule</legend>
        {rules.map(({ name, description, candidateCount, missingRows }) => (
          <label key={name} class="rule" data-chosen={name === rule ? '' : undefined}>
            <input type="radio" name="rule" value={name} checked={name === rule} onChange={() => onRule(name)} />
            <span class="rule-name">{name}</span>
            <b>{counted(candidateCount, 'page')}</b>
            <span class="small faint">{description}</span>
            {missingRows.length > 0 && <span class="small alarm">It needs a new import: {missingRows.join(', ')}</span>}
          </label>
        ))}
      </fieldset>
      {other && <Comparing one={rule} other={other} />}
    </div>
  );
}

function Comparing({ one, other }: { one: string; other: string }) {
  const { data, problem } = useRest<Comparison>(
    `/v1/pages/rules/compare?one=${encodeURIComponent(one)}&other=${encodeURIComponent(other)}`,
  );
  const [kind, setKind] = useState<Kind>('byType');
  if (problem) return <ProblemNote problem={problem} />;
  if (!data) return <p class="faint">Comparing the rules…</p>;
  const rows = Object.entries(data[kind])
    .map(([name, shares]) => ({ name, ...shares, total: shares.both + shares.onlyOne + shares.onlyOther }))
    .sort((a, b) => (kind === 'byDecade' ? a.name.localeCompare(b.name) : b.total - a.total))
    .slice(0, rowsMax);
  const most = Math.max(1, ...rows.map(({ total }) => total));
  return (
    <div class="step-body">
      <p>
        <b>{whole(data.both)}</b> pages by both, <b>{whole(data.onlyOne)}</b> by {one} alone,{' '}
        <b>{whole(data.onlyOther)}</b> by {other} alone.
      </p>
      <Segments
        title="Compare by"
        of={Object.entries(kindTitles) as [Kind, string][]}
        value={kind}
        onChange={setKind}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll-x" tabIndex={0} aria-label="What the rules select">
        <table class="shares">
          <thead>
            <tr>
              <th scope="col">{kindTitles[kind]}</th>
              <th scope="col">
                <span class="unseen">Share</span>
              </th>
              <th scope="col" class="number">
                Both
              </th>
              <th scope="col" class="number">
                Only {one}
              </th>
              <th scope="col" class="number">
                Only {other}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, both, onlyOne, onlyOther, total }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="share">
                  <span class="share-bar" style={{ width: `${(100 * total) / most}%` }}>
                    <i data-part="both" style={{ flexGrow: both }} />
                    <i data-part="one" style={{ flexGrow: onlyOne }} />
                    <i data-part="other" style={{ flexGrow: onlyOther }} />
                  </span>
                </td>
                <td class="number">{whole(both)}</td>
                <td class="number">{whole(onlyOne)}</td>
                <td class="number">{whole(onlyOther)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
