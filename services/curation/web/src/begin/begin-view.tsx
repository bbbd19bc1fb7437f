import './begin.css';
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { announce } from '../design/announce.ts';
import { counted, duration, percent, sentence, whole } from '../design/format.ts';
import { Field, Figures, ProblemNote, ProgressBar, RunBar, View } from '../design/parts.tsx';
import { callRest, Problem } from '../rest/rest-client.ts';
import {
  type FetchRun,
  type ImportRun,
  type Iteration,
  isRunning,
  type LabelSummary,
  type PageSet,
  pageSetNames,
} from '../rest/shapes.ts';
import { useAction, useFollowed, useRest } from '../rest/use-rest.ts';
import { RuleChoice } from './rule-choice.tsx';

/** BHL's own export: public, about a gigabyte. */
const bhlSource = 'https://bhl-open-data.s3.us-east-2.amazonaws.com';
const enoughLabels = 100;
const everyMs = 3_000;

/** From an empty installation to the first iteration. Where one stands is read from the server: a refresh loses nothing. */
export function BeginView() {
  const imports = useRest<{ imports: ImportRun[] }>('/v1/imports?limit=5', everyMs);
  const sets = useRest<{ pageSets: PageSet[] }>('/v1/page-sets', everyMs);
  const fetches = useRest<{ fetchRuns: FetchRun[] }>('/v1/fetch-runs?limit=20', everyMs);
  const { data: summary } = useRest<LabelSummary>('/v1/labels/summary', everyMs);
  const iterating = useRest<{ iterations: Iteration[] }>('/v1/iterations', everyMs);
  const [rule, setRule] = useState('illustrated');
  const { query } = useLocation();
  const [limit, setLimit] = useState(query.limit ?? '');

  const newestImport = imports.data?.imports[0];
  const imported = imports.data?.imports.find(({ state }) => state === 'done') ?? newestImport;
  // Of candidates: other runs fetch pages that an audit drew, or that somebody named. One that came to nothing counts when no other is there.
  const runs = fetches.data?.fetchRuns.filter((run) => run.rule !== null || run.pageSetId !== null) ?? [];
  const fetched = runs.find(({ state }) => state === 'done' || isRunning(state)) ?? runs[0];
  const pageSets = sets.data?.pageSets ?? [];
  const setOf = (name: string) => pageSets.find((set) => set.name === name);
  const train = setOf('train');
  const areDrawn = pageSetNames.every((name) => setOf(name) !== undefined);
  const candidates = pageSets.find(({ id }) => id === fetched?.pageSetId);
  const isFetched = fetched?.state === 'done';
  const isLabelled = (summary?.pages ?? 0) >= Math.min(enoughLabels, train?.pageCount ?? enoughLabels);
  const isIterated = (iterating.data?.iterations.length ?? 0) > 0;
  const isImported = imported?.state === 'done';
  const isRuleChosen = fetched !== undefined;
  const done = [isImported, isRuleChosen && isImported, isFetched, areDrawn, isLabelled && areDrawn, isIterated];
  const current = done.findIndex((one) => !one);
  const at = current < 0 ? done.length : current;

  if (!imports.data || !sets.data || !fetches.data)
    return (
      <View title="From nothing to the first iteration">
        <ProblemNote problem={imports.problem} onRetry={imports.reload} />
      </View>
    );
  return (
    <View
      title="From nothing to the first iteration"
      eyebrow="Set-up"
      intro="Six steps. Each can be left and taken up again; what runs goes on without this window."
    >
      <ol class="plain steps">
        <Step
          number={1}
          title="Import the export"
          at={at}
          isDone={isImported}
          told={imported && importTold(imported)}
          isOpenWhenDone={newestImport !== imported}
        >
          <Import imported={newestImport} reload={imports.reload} />
        </Step>
        <Step
          number={2}
          title="Choose the candidate rule"
          at={at}
          isDone={isRuleChosen && isImported}
          told={
            candidates
              ? `${counted(candidates.pageCount, 'candidate')} drawn of rule ${candidates.rule}`
              : `Rule ${fetched?.rule}`
          }
        >
          <RuleChoice rule={rule} onRule={setRule} />
          {areDrawn ? (
            <p class="faint">The sets are drawn: what they were drawn from stays.</p>
          ) : (
            <StartFetch
              rule={rule}
              limit={limit}
              onLimit={setLimit}
              imported={imported}
              newest={runs[0]}
              onStart={() => {
                fetches.reload();
                sets.reload();
              }}
            />
          )}
        </Step>
        <Step
          number={3}
          title="Fetch the images"
          at={at}
          isDone={isFetched}
          told={
            fetched &&
            `${whole(fetched.storedCount)} images${fetched.failedCount > 0 ? `, ${whole(fetched.failedCount)} failed` : ''}`
          }
        >
          {fetched && <Fetching listed={fetched} reload={fetches.reload} />}
        </Step>
        <Step
          number={4}
          title="Draw the sets"
          at={at}
          isDone={areDrawn}
          told={pageSetNames.map((name) => `${name} ${whole(setOf(name)?.pageCount ?? 0)}`).join(', ')}
        >
          <DrawSets
            rule={fetched?.rule ?? candidates?.rule ?? rule}
            candidates={candidates}
            candidateCount={candidates?.pageCount ?? imported?.candidateCounts[fetched?.rule ?? rule] ?? 0}
            startSeed={query.seed ?? '1'}
            onDrawn={sets.reload}
          />
        </Step>
        <Step
          number={5}
          title="Give the first labels"
          at={at}
          isDone={isLabelled && areDrawn}
          told={`${whole(summary?.pages ?? 0)} labelled`}
          isOpenWhenDone={!isIterated}
        >
          <FirstLabels summary={summary} train={train} />
        </Step>
        <Step
          number={6}
          title="Start iteration 1"
          at={summary && summary.byLabel.HQ > 0 && summary.byLabel.LQ > 0 && areDrawn ? Math.max(at, 5) : at}
          isDone={isIterated}
          told="Started"
        >
          <StartFirst summary={summary} />
        </Step>
      </ol>
      {isIterated && (
        <p>
          All is set up. <a href="/iterations">Watch the iterations</a>, or go on to the <a href="/">overview</a>.
        </p>
      )}
    </View>
  );
}

interface StepProps {
  number: number;
  title: string;
  /** Place of the step that is to be done now, from 0. */
  at: number;
  isDone: boolean;
  told: string | undefined;
  isOpenWhenDone?: boolean;
  children: ComponentChildren;
}

function Step({ number, title, at, isDone, told, isOpenWhenDone, children }: StepProps) {
  const isNow = !isDone && at >= number - 1;
  const state = isDone ? 'done' : isNow ? 'now' : 'later';
  return (
    <li class="step" data-state={state} aria-current={isNow ? 'step' : undefined}>
      <span class="step-number" aria-hidden="true">
        {isDone ? '✓' : number}
      </span>
      <div class="step-body">
        <h2>
          {title}
          <span class="unseen">, {state === 'now' ? 'to be done now' : state}</span>
        </h2>
        {isDone && told && <p class="faint">{told}</p>}
        {isNow || (isDone && isOpenWhenDone) ? (
          children
        ) : isDone ? (
          <details class="small">
            <summary>Look at it again</summary>
            <div class="step-body">{children}</div>
          </details>
        ) : null}
      </div>
    </li>
  );
}

const importTold = (run: ImportRun) =>
  `${whole(run.pageCount)} pages in ${whole(run.rowCount)} rows, ${whole(run.keptPageCount)} kept`;

function Import({ imported, reload }: { imported: ImportRun | undefined; reload: () => void }) {
  const [source, setSource] = useState(imported?.source ?? bhlSource);
  const [withNames, setWithNames] = useState(false);
  const start = useAction<void>(
    () => ({ path: '/v1/imports', body: { source, ...(withNames ? { withNames } : {}) } }),
    () => {
      announce('The import has started');
      reload();
    },
  );
  const run = useFollowed<ImportRun>(
    imported && isRunning(imported.state) ? `/v1/imports/${imported.id}/events` : undefined,
    imported,
  );
  useEffect(() => {
    if (run && imported && run.state !== imported.state) reload();
  }, [run?.state]);
  if (run && isRunning(run.state))
    return (
      <>
        <p class="small">
          Reading {run.phase || 'the export'} from {run.source}
        </p>
        <RunBar title="Import" run={run} unit="bytes" />
        <Figures
          of={[
            ['Rows', whole(run.rowCount)],
            ['Pages', whole(run.pageCount)],
            ['Kept', whole(run.keptPageCount)],
            ...(run.rowsPerSecond > 0 ? ([['Rows a second', whole(run.rowsPerSecond)]] as [string, string][]) : []),
          ]}
        />
      </>
    );
  return (
    <form
      class="step-body"
      onSubmit={(event) => {
        event.preventDefault();
        void start.run();
      }}
    >
      {run?.reason && <ProblemNote problem={run.reason} />}
      <Field
        label="Source"
        hint="BHL's address, another one that this installation allows, or a folder under its import roots."
      >
        {(id) => (
          <input
            id={id}
            name="source"
            required
            maxLength={2000}
            value={source}
            onInput={(event) => setSource(event.currentTarget.value)}
          />
        )}
      </Field>
      <label class="check">
        <input type="checkbox" checked={withNames} onChange={(event) => setWithNames(event.currentTarget.checked)} />
        With scientific names, the largest file of the export
      </label>
      <div class="row">
        <button type="submit" class="main" disabled={start.isBusy}>
          Import
        </button>
      </div>
      <ProblemNote problem={start.problem} />
    </form>
  );
}

interface StartFetchProps {
  rule: string;
  limit: string;
  onLimit: (limit: string) => void;
  imported: ImportRun | undefined;
  /** The newest run over candidates. */
  newest: FetchRun | undefined;
  onStart: () => void;
}

function StartFetch({ rule, limit, onLimit, imported, newest, onStart }: StartFetchProps) {
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const countMax = limit === '' ? undefined : Number(limit);
  const count = Math.min(countMax ?? Number.POSITIVE_INFINITY, imported?.candidateCounts[rule] ?? 0);
  const start = async () => {
    setBusy(true);
    setProblem('');
    try {
      // Both repeat harmlessly: a set by its name and parameters, which another limit changes together; the run by its key, which a run
      // that came to nothing leaves behind.
      const selection =
        countMax === undefined
          ? { rule }
          : {
              pageSetId: (
                await callRest<PageSet>('POST', '/v1/page-sets', {
                  body: { name: `candidates-${rule}-${countMax}`, rule, seed: 1, countMax, wholeItems: true },
                })
              ).id,
            };
      const idempotencyKey = `begin-${imported?.id}-${rule}-${limit}-${newest?.id ?? 'first'}`;
      await callRest('POST', '/v1/fetch-runs', { body: { ...selection, size: 'medium' }, idempotencyKey });
      announce('The images are being fetched');
      onStart();
    } catch (error) {
      setProblem(error instanceof Problem ? error.message : String(error));
    }
    setBusy(false);
  };
  return (
    <>
      <Field label="Candidates at most" hint="Empty for all; whole books are drawn by lot">
        {(id) => (
          <input
            id={id}
            name="limit"
            type="number"
            min="10"
            max="10000000"
            value={limit}
            onInput={(event) => onLimit(event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="row">
        <button type="button" class="main" disabled={isBusy || count === 0} onClick={start}>
          Fetch the images of {whole(count)} candidates
        </button>
        <span class="small faint">medium size, about 20 kB each, at the source's pace</span>
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

function Fetching({ listed, reload }: { listed: FetchRun; reload: () => void }) {
  const run =
    useFollowed<FetchRun>(isRunning(listed.state) ? `/v1/fetch-runs/${listed.id}/events` : undefined, listed) ?? listed;
  const { data: embeddings } = useRest<{ embedded: number; pending: number; failed: number }>(
    '/v1/predictions/embeddings',
    everyMs,
  );
  const retry = useAction<void>(() => ({ path: `/v1/fetch-runs/${run.id}/retry` }), reload);
  const again = useAction<void>(
    () => ({
      path: '/v1/fetch-runs',
      body: { ...(run.pageSetId === null ? { rule: run.rule } : { pageSetId: run.pageSetId }), size: run.size },
    }),
    reload,
  );
  useEffect(() => {
    if (run.state !== listed.state) reload();
  }, [run.state]);
  if (run.state === 'failed' || run.state === 'cancelled')
    return (
      <>
        <p class="problem">{sentence(run.reason ?? `The fetch was ${run.state}`)}</p>
        <div class="row">
          <button type="button" class="main" disabled={again.isBusy} onClick={() => again.run()}>
            Fetch them again
          </button>
          <span class="small faint">What is here already is not fetched twice.</span>
        </div>
        <ProblemNote problem={again.problem} />
      </>
    );
  return (
    <>
      <RunBar title="Fetching images" run={run} unit="images" />
      <div class="row small faint">
        {run.imagesPerSecond > 0 && <span>{run.imagesPerSecond.toFixed(1)} images a second</span>}
        {run.secondsLeft !== null && run.secondsLeft > 0 && <span>{duration(run.secondsLeft)} left</span>}
        {run.failedCount > 0 && <span class="alarm">{whole(run.failedCount)} failed</span>}
      </div>
      {!isRunning(run.state) && run.failedCount > 0 && (
        <div class="row">
          <button type="button" disabled={retry.isBusy} onClick={() => retry.run()}>
            Retry the {whole(run.failedCount)} failed
          </button>
          <a href="/runs?kind=fetch-runs">Which, and why</a>
        </div>
      )}
      {embeddings && embeddings.embedded + embeddings.pending > 0 && (
        <>
          <p class="small">Looking at them: {whole(embeddings.embedded)} are embedded</p>
          <ProgressBar
            title="Embedding"
            done={embeddings.embedded + embeddings.failed}
            total={Math.max(run.totalCount, embeddings.embedded + embeddings.pending + embeddings.failed)}
          />
        </>
      )}
    </>
  );
}

interface DrawSetsProps {
  rule: string;
  candidates: PageSet | undefined;
  candidateCount: number;
  startSeed: string;
  onDrawn: () => void;
}

/** The four sets in their order, each excluding those before it: heldout, stop, train, unlabelled. */
function DrawSets({ rule, candidates, candidateCount, startSeed, onDrawn }: DrawSetsProps) {
  const [seed, setSeed] = useState(startSeed);
  const [trainMax, setTrainMax] = useState(String(Math.max(20, Math.min(1000, Math.floor(candidateCount * 0.3)))));
  const [problem, setProblem] = useState('');
  const [drawing, setDrawing] = useState('');
  const draw = async () => {
    setProblem('');
    const excludePageSetIds: string[] = [];
    const drawOne = async (name: string, size: Record<string, unknown>) => {
      setDrawing(name);
      const body = {
        name,
        rule,
        seed: Number(seed),
        ...size,
        excludePageSetIds: [...excludePageSetIds],
        ...(candidates ? { withinPageSetId: candidates.id } : {}),
      };
      const set = await callRest<PageSet>('POST', '/v1/page-sets', { body, timeoutMs: 120_000 });
      excludePageSetIds.push(set.id);
    };
    try {
      await drawOne('heldout', { shareMax: 0.2, wholeItems: true });
      await drawOne('stop', { countMax: 1000, shareMax: 0.1 });
      await drawOne('train', { countMax: Number(trainMax), shareMax: 0.3 });
      await drawOne('unlabelled', { countMax: 10_000 });
      announce('The sets are drawn');
      onDrawn();
    } catch (error) {
      setProblem(error instanceof Problem ? error.message : String(error));
    }
    setDrawing('');
  };
  return (
    <form
      class="step-body"
      onSubmit={(event) => {
        event.preventDefault();
        void draw();
      }}
    >
      <dl class="sets">
        <div>
          <dt>heldout</dt>
          <dd>{percent(0.2)}, whole books: never labelled, never trained; what measures</dd>
        </div>
        <div>
          <dt>stop</dt>
          <dd>at most 1,000: shows when the ensemble changes its mind no more</dd>
        </div>
        <div>
          <dt>train</dt>
          <dd>the first labels</dd>
        </div>
        <div>
          <dt>unlabelled</dt>
          <dd>at most 10,000: where the ensemble asks</dd>
        </div>
      </dl>
      <div class="columns" style={{ '--column': '12rem' }}>
        <Field label="Seed" hint="Decides every draw">
          {(id) => (
            <input
              id={id}
              name="seed"
              type="number"
              required
              value={seed}
              onInput={(event) => setSeed(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Pages of the train set" hint={`At most ${whole(candidateCount * 0.3)}, 30 % of the candidates`}>
          {(id) => (
            <input
              id={id}
              name="trainMax"
              type="number"
              min="10"
              max="100000"
              required
              value={trainMax}
              onInput={(event) => setTrainMax(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      <div class="row">
        <button type="submit" class="main" disabled={drawing !== ''}>
          {drawing === '' ? 'Draw the four sets' : `Drawing ${drawing}…`}
        </button>
      </div>
      <ProblemNote problem={problem} />
    </form>
  );
}

function FirstLabels({ summary, train }: { summary: LabelSummary | undefined; train: PageSet | undefined }) {
  const total = train?.pageCount ?? 0;
  return (
    <>
      <p>
        Label pages of the train set: HQ for a beautiful plate, LQ for anything else. About {enoughLabels} are enough to
        begin.
      </p>
      <ProgressBar
        title="Labelled"
        done={summary?.pages ?? 0}
        total={total}
        told={
          <span>
            {whole(summary?.pages ?? 0)} of {whole(total)}: {whole(summary?.byLabel.HQ ?? 0)} HQ,{' '}
            {whole(summary?.byLabel.LQ ?? 0)} LQ
          </span>
        }
      />
      <div class="row">
        <a class="button main" href="/label?queue=initial">
          Label one by one
        </a>
        <a class="button" href="/label?queue=initial&mode=grid">
          Label in the grid
        </a>
      </div>
    </>
  );
}

function StartFirst({ summary }: { summary: LabelSummary | undefined }) {
  const { route } = useLocation();
  const start = useAction<void, Iteration>(
    () => ({ path: '/v1/iterations', body: {} }),
    () => route('/iterations'),
  );
  return (
    <>
      <p>
        It freezes the {whole(summary?.pages ?? 0)} labels, trains five members, and asks where they dispute. It takes
        seconds to minutes.
      </p>
      <div class="row">
        <button type="button" class="main" disabled={start.isBusy} onClick={() => start.run()}>
          Start iteration 1
        </button>
      </div>
      <ProblemNote problem={start.problem} />
    </>
  );
}
