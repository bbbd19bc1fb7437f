import './plates.css';
import { whole } from '../design/format.ts';
import { type Reuse, reuseTitles } from '../rest/shapes.ts';

export interface ReuseChoiceProps {
  /** As in an address, with commas; empty for all. */
  chosen: string;
  counts?: Partial<Record<Reuse, number>> | undefined;
  onChange: (chosen: string) => void;
}

/** By what may be done with plates. */
export function ReuseChoice({ chosen, counts, onChange }: ReuseChoiceProps) {
  const names = new Set(chosen.split(',').filter(Boolean));
  return (
    <fieldset class="reuse">
      <legend class="small faint">What may be done with them</legend>
      {(Object.keys(reuseTitles) as Reuse[]).map((reuse) => (
        <label key={reuse} class="check small">
          <input
            type="checkbox"
            checked={names.has(reuse)}
            onChange={() => {
              const next = new Set(names);
              if (!next.delete(reuse)) next.add(reuse);
              onChange([...next].join(','));
            }}
          />
          {reuseTitles[reuse]} {counts && <span class="faint">({whole(counts[reuse] ?? 0)})</span>}
        </label>
      ))}
    </fieldset>
  );
}
