import './iterations.css';
import { useEffect, useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { announce } from '../design/announce.ts';
import { counted, decimal, moment, percent, sentence, whole } from '../design/format.ts';
import { Badge, Empty, Field, Figures, ProblemNote, RunBar, Sheet, View } from '../design/parts.tsx';
import { saveFile } from '../rest/rest-client.ts';
import {
  type Iteration,
  isIterating,
  isRunning,
  type Label,
  type LabelSummary,
  labels,
  type PageSet,
  type PredictionRun,
  type QueueName,
  queueTitles,
  type Training,
} from '../rest/shapes.ts';
import { useAction, useFollowed, useRest } from '../rest/use-rest.ts';
import { LineChart } from './line-chart.tsx';
import { LoopPicture } from './loop-picture.tsx';
import { Confusion, type Histogram, ScoreHistogram } from './score-histogram.tsx';

export function IterationsView() {
  const { params } = useRoute();
  const wanted = params.number === undefined ? undefined : Number(params.number);
  const { data, problem, reload } = useRest<{ iterations: Iteration[] }>('/v1/iterations', 15_000);
  const iterations = data?.iterations ?? [];
  const newest = iterations.at(-1);
  const followed = useFollowed<Iteration>(
    newest && isIterating(newest.state) ? `/v1/iterations/${newest.number}/events` : undefined,
    newest,
  );
  const current = followed && newest && followed.number === newest.number ? followed : newest;
  useEffect(() => {
    if (!current || !newest || current.state === newest.state) return;
    announce(`Iteration ${current.number} is ${current.state}`);
    reload();
  }, [current?.state]);
  const shown =
    wanted === undefined
      ? (iterations.findLast(({ state }) => state === 'review' || state === 'closed') ?? current)
      : wanted === current?.number
        ? current
        : iterations.find(({ number }) => number === wanted);

  return (
    <View
      title={wanted === undefined ? 'Iterations' : `Iteration ${wanted}`}
      eyebrow={wanted === undefined ? 'The model learns' : <a href="/iterations">All iterations</a>}
      intro="Each iteration freezes the labels, trains five members on them, lets them predict, and asks a person where they dispute."
    >
      <ProblemNote problem={problem} onRetry={reload} />
      <div class="columns" style={{ '--column': '24rem' }}>
        <Sheet title="The loop">
          <LoopPicture iteration={current} note={current && isIterating(current.state) ? current.state : undefined} />
        </Sheet>
        <div class="columns" style={{ '--column': '100%' }}>
          <NextStep newest={current} reload={reload} />
          {current && isIterating(current.state) && <Doing iteration={current} />}
          <Verdict iteration={iterations.findLast(({ verdict }) => verdict !== null)} />
        </div>
      </div>
      {iterations.length > 0 && <Curves iterations={iterations} />}
      {iterations.length > 0 && <History iterations={iterations} shown={shown?.number} />}
      {shown && (shown.state === 'review' || shown.state === 'closed') && (
        <Judgement key={shown.number} iteration={shown} />
      )}
    </View>
  );
}

function NextStep({ newest, reload }: { newest: Iteration | undefined; reload: () => void }) {
  const { data: summary } = useRest<LabelSummary>('/v1/labels/summary', 5_000);
  const [method, setMethod] = useState('probe');
  const start = useAction<void, Iteration>(
    () => ({ path: '/v1/iterations', body: { method } }),
    (iteration) => {
      announce(`Iteration ${iteration.number} has started`);
      reload();
    },
  );
  const act = useAction<string>((name) => ({ path: `/v1/iterations/${newest?.number}/${name}` }), reload);
  const number = (newest?.number ?? 0) + 1;
  const missing = summary ? (['HQ', 'LQ'] as const).filter((label) => summary.trainable[label] === 0) : [];
  if (newest && isIterating(newest.state))
    return (
      <Sheet title={`Iteration ${newest.number} is ${newest.state}`}>
        <p>It goes on by itself. Labels that are given meanwhile wait for the next one.</p>
        <div class="row">
          <button type="button" disabled={act.isBusy} onClick={() => act.run('cancel')}>
            Cancel it
          </button>
        </div>
        <ProblemNote problem={act.problem} />
      </Sheet>
    );
  if (newest?.state === 'failed')
    return (
      <Sheet title={`Iteration ${newest.number} failed`}>
        <p class="problem">{sentence(newest.reason ?? 'no reason is known')}</p>
        <div class="row">
          <button type="button" class="main" disabled={act.isBusy} onClick={() => act.run('retry')}>
            Retry it where it failed
          </button>
          <button type="button" disabled={act.isBusy} onClick={() => act.run('cancel')}>
            Cancel it
          </button>
        </div>
        <ProblemNote problem={act.problem} />
      </Sheet>
    );
  const trainable = summary ? labels.reduce((sum, label) => sum + summary.trainable[label], 0) : 0;
  return (
    <Sheet title={`Iteration ${number}`}>
      <p>
        {summary === undefined
          ? '…'
          : missing.length > 0
            ? `It needs labels of both kinds: no page is labelled ${missing.join(' or ')} yet.`
            : newest === undefined
              ? `${counted(trainable, 'page')} can train. That is enough to begin; a few hundred are better.`
              : trainable > newest.labelCount
                ? `${counted(trainable - newest.labelCount, 'page')} more can train than iteration ${newest.number} learnt from.`
                : `No more pages can train than iteration ${newest.number} learnt from: label some first, or mend what is contradicted.`}
      </p>
      <div class="row low">
        <Field label="Method">
          {(id) => (
            <select id={id} value={method} onChange={(event) => setMethod(event.currentTarget.value)}>
              <option value="probe">Heads on embeddings (seconds)</option>
              <option value="finetune">Fine-tuned networks (GPU)</option>
            </select>
          )}
        </Field>
        <button
          type="button"
          class="main"
          disabled={start.isBusy || summary === undefined || missing.length > 0}
          onClick={() => start.run()}
        >
          Start iteration {number}
        </button>
        <a class="button" href={missing.length > 0 ? '/label' : '/label?queue=review'}>
          Label more first
        </a>
      </div>
      <ProblemNote problem={start.problem} />
    </Sheet>
  );
}

/** What an iteration is doing now: its training, then its prediction runs. */
function Doing({ iteration }: { iteration: Iteration }) {
  const { data: trainings } = useRest<{ trainings: Training[] }>('/v1/trainings?limit=10', 1_500);
  const listed = trainings?.trainings.find(({ iterationId }) => iterationId === iteration.id);
  const training = useFollowed<Training>(
    listed && isRunning(listed.state) ? `/v1/trainings/${listed.id}/events` : undefined,
    listed,
  );
  const { data: predictions } = useRest<{ predictionRuns: PredictionRun[] }>(
    iteration.ensembleId ? `/v1/prediction-runs?ensembleId=${iteration.ensembleId}&limit=10` : undefined,
    1_000,
  );
  const nameOf = (id: string) => Object.entries(iteration.predictionRuns).find(([, run]) => run === id)?.[0] ?? 'pages';
  return (
    <Sheet title="Running now">
      {training ? (
        <>
          <p class="small">
            Training: {training.phase}
            {training.tensorflowBackend && ` on ${training.tensorflowBackend}`}, {training.membersDone} of{' '}
            {training.memberCount} members
          </p>
          <RunBar title="Training" run={training} unit="members" />
        </>
      ) : (
        <p class="small faint">The training has not begun yet.</p>
      )}
      {predictions?.predictionRuns.map((run) => (
        <div key={run.id}>
          <p class="small">Predicting the {nameOf(run.id)} set</p>
          <RunBar title={`Predicting ${nameOf(run.id)}`} run={run} unit="pages" />
        </div>
      ))}
    </Sheet>
  );
}

const decisions: Record<string, string> = {
  continue: 'Go on labelling',
  'may stop': 'You may stop soon',
  stop: 'Stop: more labels change little',
};

function Verdict({ iteration }: { iteration: Iteration | undefined }) {
  if (!iteration?.verdict) return null;
  const { decision, reason } = iteration.verdict;
  return (
    <section class="sheet verdict" data-decision={decision} aria-label="When to stop">
      <p class="eyebrow">When to stop · verdict on iteration {iteration.number}</p>
      <h2>{decisions[decision] ?? decision}</h2>
      <p>{sentence(reason)}</p>
      {decision !== 'continue' && (
        <div class="row">
          <a class="button" href="/lists">
            Publish a list
          </a>
        </div>
      )}
    </section>
  );
}

function Curves({ iterations }: { iterations: Iteration[] }) {
  const measured = iterations.filter(({ curves }) => curves !== null);
  const learnt = iterations.filter(({ outOfFold }) => outOfFold !== null);
  const x = measured.map(({ number }) => number);
  const of = (read: (iteration: Iteration) => number | null | undefined) =>
    measured.map((iteration) => read(iteration) ?? null);
  return (
    <Sheet title="The curves">
      {measured.length === 0 ? (
        <p class="faint">They begin with the first iteration that is in review.</p>
      ) : (
        <div class="columns" style={{ '--column': '22rem' }}>
          <LineChart
            title="Change of mind"
            xTitle="iteration"
            x={x}
            range={[0, 0.1]}
            lines={[
              { title: 'unlabelled', values: of(({ curves }) => curves?.bySet.unlabelled.changeOfMind) },
              { title: 'stop set', values: of(({ curves }) => curves?.bySet.stop.changeOfMind) },
            ]}
          />
          <LineChart
            title="Entropy"
            xTitle="iteration"
            x={x}
            range={[0, 0.2]}
            lines={[
              { title: 'unlabelled', values: of(({ curves }) => curves?.bySet.unlabelled.meanEntropy) },
              { title: 'stop set', values: of(({ curves }) => curves?.bySet.stop.meanEntropy) },
            ]}
          />
          <LineChart
            title="Disagreement"
            xTitle="iteration"
            x={x}
            range={[0, 0.1]}
            lines={[
              { title: 'unlabelled', values: of(({ curves }) => curves?.bySet.unlabelled.meanDisagreement) },
              { title: 'stop set', values: of(({ curves }) => curves?.bySet.stop.meanDisagreement) },
            ]}
          />
          <LineChart
            title="Kappa with the ensemble before"
            xTitle="iteration"
            x={x}
            range={[0.8, 1]}
            lines={[
              {
                title: 'kappa, 95 % interval',
                values: of(({ curves }) => curves?.kappa),
                low: of(({ curves }) => curves?.kappaLow),
                high: of(({ curves }) => curves?.kappaHigh),
              },
            ]}
          />
          <LineChart
            title="HQ share"
            xTitle="iteration"
            x={x}
            range={[0, 0.5]}
            lines={[
              { title: 'unlabelled', values: of(({ curves }) => curves?.bySet.unlabelled.hqShare) },
              { title: 'stop set', values: of(({ curves }) => curves?.bySet.stop.hqShare) },
            ]}
          />
          {learnt.length > 0 && (
            <LineChart
              title="Learning curve"
              xTitle="labels"
              x={learnt.map(({ labelCount }) => labelCount)}
              range={[0.8, 1]}
              lines={[
                { title: 'accuracy', tone: 3, values: learnt.map(({ outOfFold }) => outOfFold?.accuracy ?? null) },
                { title: 'AUC', tone: 4, values: learnt.map(({ outOfFold }) => outOfFold?.auc ?? null) },
              ]}
            />
          )}
        </div>
      )}
    </Sheet>
  );
}

function History({ iterations, shown }: { iterations: Iteration[]; shown: number | undefined }) {
  return (
    <Sheet title="All iterations">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll-x" aria-label="All iterations as a table" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">№</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Labels
              </th>
              <th scope="col" class="number">
                HQ · LQ · Not sure
              </th>
              <th scope="col" class="number">
                Accuracy
              </th>
              <th scope="col" class="number">
                AUC
              </th>
              <th scope="col">Backbone</th>
              <th scope="col">Verdict</th>
              <th scope="col">Begun</th>
            </tr>
          </thead>
          <tbody>
            {iterations.toReversed().map((one) => (
              <tr key={one.number}>
                <th scope="row">
                  <a href={`/iterations/${one.number}`} aria-current={one.number === shown ? 'true' : undefined}>
                    {one.number}
                  </a>
                </th>
                <td>
                  <Badge>{one.state}</Badge>
                </td>
                <td class="number">{whole(one.labelCount)}</td>
                <td class="number">
                  {one.counts.HQ} · {one.counts.LQ} · {one.counts.NOT_SURE}
                </td>
                <td class="number">{one.outOfFold ? percent(one.outOfFold.accuracy, 1) : '–'}</td>
                <td class="number">{decimal(one.outOfFold?.auc)}</td>
                <td>{one.backboneName ?? '–'}</td>
                <td>{one.verdict?.decision ?? '–'}</td>
                <td class="small">{moment(one.createdAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="small faint">Accuracy and AUC are out of fold: of pages whose book no judging member has seen.</p>
    </Sheet>
  );
}

const classTold: Record<string, [title: string, queue: QueueName | undefined]> = {
  A: ['sure and of one mind', undefined],
  B: ['of one mind, not sure', 'review'],
  C: ['sure, but disputed', 'review'],
  D: ['disputed and not sure', 'review'],
  NOTSURE: ['you were not sure, it is', 'notsure'],
  MISPREDICTION: ['contradict your label', 'misprediction'],
  UNCERTAIN: ['right, but not sure', 'uncertain'],
};

/** A class that is a queue has that queue's name. */
const classTitles: Record<string, string> = {
  NOTSURE: queueTitles.notsure,
  MISPREDICTION: queueTitles.misprediction,
  UNCERTAIN: queueTitles.uncertain,
};

function Judgement({ iteration }: { iteration: Iteration }) {
  const { number } = iteration;
  const { data: histogram, problem } = useRest<Histogram>(`/v1/iterations/${number}/histogram?pageSet=unlabelled`);
  const { data: judged } = useRest<{ bins: { low: number; labelled: Record<Label, number> }[] }>(
    `/v1/iterations/${number}/judged`,
  );
  const { data: sets } = useRest<{ pageSets: PageSet[] }>('/v1/page-sets');
  const { data: known } = useRest<{ rules: { name: string; candidateCount: number }[] }>('/v1/pages/rules');
  const unlabelled = sets?.pageSets.find(({ name }) => name === 'unlabelled');
  const { query, route } = useLocation();
  const start = Number(query.threshold ?? 0.5);
  const [threshold, setThreshold] = useState(start);
  return (
    <>
      <div class="columns" style={{ '--column': '30rem' }}>
        <Sheet title={`Scores of iteration ${number}`}>
          <p class="faint small">
            Pages of the unlabelled set, a fair draw from the candidates. Move the threshold: what is told is of this
            set, a list holds the candidates.
          </p>
          {histogram ? (
            <>
              <ScoreHistogram
                histogram={histogram}
                start={start}
                onChange={setThreshold}
                drawnFrom={known?.rules.find(({ name }) => name === unlabelled?.rule)?.candidateCount}
              />
              <div class="row">
                <a class="button" href={`/lists?threshold=${threshold.toFixed(2)}`}>
                  Publish a list at {threshold.toFixed(2)}
                </a>
                <button
                  type="button"
                  class="link"
                  onClick={() => route(`/iterations/${number}?threshold=${threshold.toFixed(2)}`, true)}
                >
                  Keep this threshold in the address
                </button>
              </div>
            </>
          ) : (
            <ProblemNote problem={problem} />
          )}
        </Sheet>
        <div class="columns stacked">
          <Sheet title="Confusion">
            <p class="faint small">
              Labels against members that never saw the page's book, at threshold {threshold.toFixed(2)}.
            </p>
            {judged && <Confusion histogram={judged} threshold={threshold} />}
            {iteration.outOfFold && (
              <Figures
                of={[
                  ['Accuracy', percent(iteration.outOfFold.accuracy, 1)],
                  ['AUC', decimal(iteration.outOfFold.auc)],
                  ['Log loss', decimal(iteration.outOfFold.logLoss)],
                  ['Pages', whole(iteration.outOfFold.pageCount)],
                ]}
              />
            )}
          </Sheet>
          {iteration.triage && (
            <Sheet title="Triage">
              <div class="triage">
                {Object.entries(iteration.triage).map(([name, count]) => {
                  const [told, queue] = classTold[name] ?? ['', undefined];
                  const inside = (
                    <>
                      <span class="eyebrow">{classTitles[name] ?? name}</span>
                      <b>{whole(count)}</b>
                      <span class="small">{told}</span>
                    </>
                  );
                  return queue ? (
                    <a key={name} href={`/review?queue=${queue}`}>
                      {inside}
                    </a>
                  ) : (
                    <div key={name}>{inside}</div>
                  );
                })}
              </div>
              <div class="row small">
                <span class="faint">Relabel files in the form of 2020:</span>
                {['notsure', 'type_c', 'type_b_d'].map((kind) => (
                  <button
                    key={kind}
                    type="button"
                    class="link"
                    onClick={() => saveFile(`/v1/iterations/${number}/relabels/${kind}`, `relabels_${kind}`)}
                  >
                    relabels_{kind}
                  </button>
                ))}
              </div>
            </Sheet>
          )}
        </div>
      </div>
      {iteration.triage === null && <Empty title="Not triaged yet" />}
    </>
  );
}
