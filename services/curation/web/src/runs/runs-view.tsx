import './runs.css';
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { bytes, counted, duration, moment, sentence, whole } from '../design/format.ts';
import { Badge, Empty, ProblemNote, RunBar, View } from '../design/parts.tsx';
import {
  type FetchRun,
  type ImportRun,
  isRunning,
  type PageSet,
  type PredictionRun,
  type Run,
  type Training,
} from '../rest/shapes.ts';
import { useAction, useFollowed, useRest } from '../rest/use-rest.ts';

type Kind = 'imports' | 'fetch-runs' | 'trainings' | 'prediction-runs';

interface KindOfRun {
  title: string;
  key: string;
  unit: string;
  about: (run: never, sets: PageSet[]) => string;
  facts: (run: never) => ComponentChildren;
  actions: readonly string[];
}

const listEveryMs = 3_000;

const kinds: Record<Kind, KindOfRun> = {
  imports: {
    title: 'Imports',
    key: 'imports',
    unit: 'bytes',
    about: (run: ImportRun) => `Import of ${run.source}`,
    facts: (run: ImportRun) => (
      <>
        {run.phase && isRunning(run.state) && <span>reading {run.phase}</span>}
        <span>{counted(run.rowCount, 'row')}</span>
        <span>{counted(run.pageCount, 'page')}</span>
        <span>{whole(run.keptPageCount)} kept</span>
        {run.rowsPerSecond > 0 && <span>{whole(run.rowsPerSecond)} rows a second</span>}
        {run.badLineCount > 0 && <span class="alarm">{counted(run.badLineCount, 'bad line')}</span>}
        {Object.entries(run.candidateCounts).map(([rule, count]) => (
          <span key={rule}>
            {rule}: {counted(count, 'candidate')}
          </span>
        ))}
      </>
    ),
    actions: ['cancel'],
  },
  'fetch-runs': {
    title: 'Fetches',
    key: 'fetchRuns',
    unit: 'images',
    about: (run: FetchRun, sets) =>
      `Images of ${run.rule ? `the candidates by ${run.rule}` : run.pageSetId ? `the ${nameOf(run.pageSetId, sets)} set` : 'some pages'}, ${run.size}`,
    facts: (run: FetchRun) => (
      <>
        <span>{whole(run.storedCount)} stored</span>
        {run.failedCount > 0 && <span class="alarm">{whole(run.failedCount)} failed</span>}
        <span>{bytes(run.bytes)}</span>
        {run.imagesPerSecond > 0 && <span>{run.imagesPerSecond.toFixed(1)} images a second</span>}
        {run.bytesPerSecond > 0 && <span>{bytes(run.bytesPerSecond)} a second</span>}
      </>
    ),
    actions: ['pause', 'resume', 'cancel', 'retry'],
  },
  trainings: {
    title: 'Trainings',
    key: 'trainings',
    unit: 'members',
    about: (run: Training) => `Training by ${run.method}${run.backboneName ? ` on ${run.backboneName}` : ''}`,
    facts: (run: Training) => (
      <>
        <span>{run.phase}</span>
        {run.tensorflowBackend && <span>{run.tensorflowBackend}</span>}
        {run.pageCount !== null && <span>{counted(run.pageCount, 'page')}</span>}
        {run.droppedPageCount > 0 && <span class="alarm">{whole(run.droppedPageCount)} dropped</span>}
        {run.scores && <span>accuracy {(100 * run.scores.accuracy).toFixed(1)} % out of fold</span>}
      </>
    ),
    actions: ['cancel'],
  },
  'prediction-runs': {
    title: 'Predictions',
    key: 'predictionRuns',
    unit: 'pages',
    about: (run: PredictionRun, sets) =>
      `Prediction of ${run.rule ? `the candidates by ${run.rule}` : `the ${nameOf(run.pageSetId, sets)} set`}`,
    facts: (run: PredictionRun) => (
      <>
        <span>{whole(run.predictedCount)} predicted</span>
        {run.noImageCount > 0 && <span>{whole(run.noImageCount)} without an image</span>}
      </>
    ),
    actions: ['cancel'],
  },
};

const nameOf = (id: string | null, sets: PageSet[]) => sets.find((set) => set.id === id)?.name ?? 'page';

export function RunsView() {
  const { query } = useLocation();
  const kind: Kind = query.kind !== undefined && query.kind in kinds ? (query.kind as Kind) : 'imports';
  const { title, key } = kinds[kind];
  const { data, problem, reload } = useRest<Record<string, Run[]>>(`/v1/${kind}?limit=50`, listEveryMs);
  const { data: sets } = useRest<{ pageSets: PageSet[] }>('/v1/page-sets', 60_000);
  const runs = data?.[key] ?? [];
  return (
    <View title="Runs" eyebrow="Work under way" intro="Everything that takes longer than a moment, the newest first.">
      <nav class="tabs" aria-label="Kinds of runs">
        {Object.entries(kinds).map(([name, one]) => (
          <a key={name} href={`/runs?kind=${name}`} aria-current={name === kind ? 'page' : undefined}>
            {one.title}
          </a>
        ))}
      </nav>
      <ProblemNote problem={problem} onRetry={reload} />
      {data && runs.length === 0 && <Empty title={`No ${title.toLowerCase()} yet`} />}
      <ul class="plain runs" aria-label={title}>
        {runs.map((run, index) => (
          <RunItem
            key={run.id}
            kind={kind}
            listed={run}
            isFollowed={index < 2}
            sets={sets?.pageSets ?? []}
            reload={reload}
          />
        ))}
      </ul>
    </View>
  );
}

interface RunItemProps {
  kind: Kind;
  listed: Run;
  /** A browser holds six connections to one origin: only the newest runs get one for themselves, the others are asked for. */
  isFollowed: boolean;
  sets: PageSet[];
  reload: () => void;
}

function RunItem({ kind, listed, isFollowed, sets, reload }: RunItemProps) {
  const { unit, about, facts, actions } = kinds[kind];
  const run =
    useFollowed<Run>(isFollowed && isRunning(listed.state) ? `/v1/${kind}/${listed.id}/events` : undefined, listed) ??
    listed;
  const [isInVain, setInVain] = useState(false);
  const act = useAction<string, Run>(
    (name) => ({ path: `/v1/${kind}/${run.id}/${name}` }),
    (answer, name) => {
      // What the catalog does not know has nowhere to be fetched from: the run stays as it is.
      setInVain(name === 'retry' && answer.state === 'done');
      reload();
    },
  );
  const again = useAction<void>(() => {
    const { source, withNames } = run as ImportRun;
    return { path: '/v1/imports', body: { source, ...(withNames ? { withNames } : {}) } };
  }, reload);
  const isBroken = run.state === 'failed' || run.state === 'cancelled';
  const failed = (run as { failedCount?: number }).failedCount ?? 0;
  const isOffered = (name: string) =>
    name === 'cancel'
      ? isRunning(run.state)
      : name === 'pause'
        ? run.state === 'running'
        : name === 'resume'
          ? run.state === 'paused'
          : !isRunning(run.state) && failed > 0;
  const seconds =
    run.startedAt && (Date.parse(run.endedAt ?? new Date().toISOString()) - Date.parse(run.startedAt)) / 1000;
  const title = about(run as never, sets);
  return (
    <li class="sheet">
      <div class="row apart">
        <h2>{title}</h2>
        <Badge>{run.state}</Badge>
      </div>
      {run.state !== 'done' && <RunBar title={title} run={run} unit={unit} />}
      <div class="row small faint facts">
        <span>{moment(run.createdAt)}</span>
        {typeof seconds === 'number' && <span>{duration(seconds)}</span>}
        {facts(run as never)}
      </div>
      {run.reason && <p class="problem">{sentence(run.reason)}</p>}
      {kind === 'fetch-runs' && failed > 0 && <Failures id={run.id} />}
      {kind === 'imports' && (run as ImportRun).badLineCount > 0 && <BadLines id={run.id} />}
      <div class="row offers">
        {actions.filter(isOffered).map((name) => (
          <button key={name} type="button" disabled={act.isBusy} onClick={() => act.run(name)}>
            {name === 'retry' ? `Retry the ${whole(failed)} failed` : `${name.charAt(0).toUpperCase()}${name.slice(1)}`}
          </button>
        ))}
        {kind === 'imports' && isBroken && (
          <button type="button" disabled={again.isBusy} onClick={() => again.run()}>
            Import again
          </button>
        )}
        {(kind === 'trainings' || kind === 'prediction-runs') && run.state === 'failed' && (
          <a class="button" href="/iterations">
            Retry its iteration
          </a>
        )}
      </div>
      {isInVain && (
        <p class="small" role="status">
          None of them can be tried again: the catalog does not know them.
        </p>
      )}
      <ProblemNote problem={act.problem ?? again.problem} />
    </li>
  );
}

const failedStates = ['missing', 'placeholder', 'corrupt', 'blocked'];

/** Which pages failed, and why, by the kind of failure. */
function Failures({ id }: { id: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Which failed, and why</summary>
      {isOpen && failedStates.map((state) => <FailedPages key={state} id={id} state={state} />)}
    </details>
  );
}

function FailedPages({ id, state }: { id: string; state: string }) {
  const { data } = useRest<{ pages: { pageId: number; detail: string }[]; next: number | null }>(
    `/v1/fetch-runs/${id}/pages?state=${state}&limit=50`,
  );
  if (!data || data.pages.length === 0) return null;
  return (
    <table>
      <caption class="small faint">
        {state.charAt(0).toUpperCase() + state.slice(1)}
        {data.next !== null && `, the first ${data.pages.length}`}
      </caption>
      <tbody>
        {data.pages.map(({ pageId, detail }) => (
          <tr key={pageId}>
            <th scope="row">
              <a href={`/pages/${pageId}`}>{pageId}</a>
            </th>
            <td>{detail}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function BadLines({ id }: { id: string }) {
  const [isOpen, setOpen] = useState(false);
  const { data } = useRest<{ badLines: { file: string; line: number; reason: string }[] }>(
    isOpen ? `/v1/imports/${id}/bad-lines` : undefined,
  );
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Which lines, and why</summary>
      <ul class="small">
        {data?.badLines.slice(0, 100).map(({ file, line, reason }) => (
          <li key={`${file}:${line}`}>
            {file}, line {line}: {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}
