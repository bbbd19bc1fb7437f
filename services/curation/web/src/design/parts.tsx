// The parts that every view is made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { apiKey, type ImageSize, imagePath, Problem, waitForImage } from '../rest/rest-client.ts';
import { type Label, labelTitles, type Prediction, type Run } from '../rest/shapes.ts';
import { duration, sentence, whole } from './format.ts';

export function View({
  title,
  intro,
  eyebrow,
  actions,
  children,
}: {
  title: string;
  intro?: ComponentChildren;
  eyebrow?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  useEffect(() => {
    document.title = `${title} · Florilegium`;
  }, [title]);
  return (
    <div class="view">
      <header>
        {eyebrow && <p class="eyebrow">{eyebrow}</p>}
        <div class="row apart">
          <h1>{title}</h1>
          {actions && <div class="row">{actions}</div>}
        </div>
        {intro && <p class="faint">{intro}</p>}
      </header>
      {children}
    </div>
  );
}

export function Sheet({
  title,
  children,
  id,
  actions,
}: {
  title?: ComponentChildren;
  children: ComponentChildren;
  id?: string;
  actions?: ComponentChildren;
}) {
  const heading = useId();
  return (
    <section class="sheet" {...(title ? { 'aria-labelledby': heading } : {})} {...(id ? { id } : {})}>
      {title && (
        <div class="row apart">
          <h2 id={heading}>{title}</h2>
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <span class="hint">{hint}</span>}
    </div>
  );
}

export function Figures({ of }: { of: [title: string, value: ComponentChildren, note?: ComponentChildren][] }) {
  return (
    <dl class="figures">
      {of.map(([title, value, note]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>
            {value} {note && <small>{note}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Zero of zero: how much there is to do is not known yet. */
export function ProgressBar({
  title,
  done,
  total,
  state = 'running',
  told,
}: {
  title: string;
  done: number;
  total: number;
  state?: string;
  told?: ComponentChildren;
}) {
  const share = total > 0 ? Math.min(1, done / total) : state === 'done' ? 1 : undefined;
  return (
    <div class="progress" data-state={state}>
      <div
        class="track"
        role="progressbar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        {...(share === undefined ? {} : { 'aria-valuenow': Math.round(share * 100) })}
      >
        {share === undefined ? (
          state === 'running' && <div class="fill unsure" />
        ) : (
          <div class="fill" style={{ width: `${share * 100}%` }} />
        )}
      </div>
      {told !== undefined && <div class="told">{told}</div>}
    </div>
  );
}

/** Seconds until a run ends, by its pace so far; undefined while there is none. */
export function secondsLeftOf({ state, startedAt, doneCount, totalCount }: Run): number | undefined {
  if (state !== 'running' || !startedAt || doneCount === 0 || totalCount === 0) return undefined;
  const seconds = (Date.now() - Date.parse(startedAt)) / 1000;
  return (seconds / doneCount) * (totalCount - doneCount);
}

export function RunBar({ title, run, unit = '' }: { title: string; run: Run; unit?: string }) {
  const left = (run as { secondsLeft?: number | null }).secondsLeft ?? secondsLeftOf(run);
  return (
    <ProgressBar
      title={title}
      done={run.doneCount}
      total={run.totalCount}
      state={run.state}
      told={
        <>
          <span>{run.totalCount > 0 ? `${whole(run.doneCount)} of ${whole(run.totalCount)} ${unit}` : run.state}</span>
          {run.state === 'running' && left !== undefined && left > 0 && <span>{duration(left)} left</span>}
        </>
      }
    />
  );
}

const tones: Record<string, string> = {
  done: 'good',
  published: 'good',
  review: 'good',
  stop: 'good',
  'may stop': 'good',
  failed: 'bad',
  withdrawn: 'bad',
  cancelled: 'bad',
  running: 'wait',
  pending: 'wait',
  paused: 'wait',
  frozen: 'wait',
  training: 'wait',
  predicting: 'wait',
  auditing: 'wait',
};

export const Badge = ({ children, tone }: { children: string; tone?: string }) => (
  <span class="badge" data-tone={tone ?? tones[children] ?? 'still'}>
    {children}
  </span>
);

export const Given = ({ label }: { label: Label }) => (
  <span class="given" data-label={label}>
    {labelTitles[label]}
  </span>
);

export function ProblemNote({ problem, onRetry }: { problem: Problem | string | undefined; onRetry?: () => void }) {
  if (!problem) return null;
  return (
    <div class="problem row apart" role="alert">
      <span>{sentence(typeof problem === 'string' ? problem : problem.message)}</span>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <h2>{title}</h2>
    {children}
  </div>
);

/** What each member says, on a line from LQ to HQ. */
export function Votes({ prediction }: { prediction: Prediction }) {
  const { members, mean } = prediction;
  const rows = [...members.map((value, index) => [`Member ${index + 1}`, value] as const), ['Ensemble', mean] as const];
  return (
    <div class="votes">
      {rows.map(([name, value]) => (
        <>
          <span>{name}</span>
          {/* biome-ignore lint/a11y/useSemanticElements: a meter element cannot show a mark on a line */}
          <span
            class="vote"
            role="meter"
            aria-label={`${name}: P(HQ)`}
            aria-valuemin={0}
            aria-valuemax={1}
            aria-valuenow={value}
            data-label={value >= 0.5 ? 'HQ' : 'LQ'}
          >
            <i style={{ left: `${value * 100}%` }} />
          </span>
          <span>{value.toFixed(2)}</span>
        </>
      ))}
    </div>
  );
}

/**
 * A page's image. Where a key is needed it comes by fetch, since an <img> could not send it; so does one that an <img> could not show:
 * only an answer says whether it is still being fetched from its source.
 */
export function Picture({ pageId, size = 'small', alt }: { pageId: number; size?: ImageSize; alt: string }) {
  const key = apiKey.value;
  const address = imagePath(pageId, size);
  const [failedAddress, setFailed] = useState('');
  const byFetch = key !== '' || failedAddress === address;
  const [fetched, setFetched] = useState<{ of: string; source?: string; told: string } | undefined>();
  useEffect(() => {
    if (!byFetch) return;
    const leaving = new AbortController();
    let source: string | undefined;
    setFetched({ of: address, told: key === '' ? 'Fetching the image…' : '' });
    waitForImage(pageId, size, leaving.signal).then(
      (blob) => {
        if (leaving.signal.aborted) return;
        source = URL.createObjectURL(blob);
        setFetched({ of: address, source, told: '' });
      },
      (error: unknown) => {
        if (leaving.signal.aborted) return;
        const isComing = error instanceof Problem && error.isWorthRepeating;
        setFetched({
          of: address,
          told: isComing ? `The image of page ${pageId} has not come yet` : `Page ${pageId} has no image here`,
        });
      },
    );
    return () => {
      leaving.abort();
      if (source) URL.revokeObjectURL(source);
    };
  }, [address, key, byFetch]);
  const answer = fetched?.of === address ? fetched : undefined;
  const source = byFetch ? answer?.source : address;
  if (source === undefined) return <span class="picture missing">{answer?.told}</span>;
  return (
    <img
      class="picture"
      src={source}
      alt={alt}
      loading="lazy"
      decoding="async"
      onError={() =>
        byFetch ? setFetched({ of: address, told: `Page ${pageId} has no image here` }) : setFailed(address)
      }
    />
  );
}

export function Segments<Value extends string>({
  title,
  of,
  value,
  onChange,
}: {
  title: string;
  of: readonly (readonly [Value, string])[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out in a row in every browser
    <div class="segments" role="group" aria-label={title}>
      {of.map(([name, text]) => (
        <button key={name} type="button" aria-pressed={name === value} onClick={() => onChange(name)}>
          {text}
        </button>
      ))}
    </div>
  );
}
