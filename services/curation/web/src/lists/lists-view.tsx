import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { announce } from '../design/announce.ts';
import { counted, decimal, moment, percent, sentence, whole } from '../design/format.ts';
import { Badge, Empty, Field, ProblemNote, Segments, Sheet, View } from '../design/parts.tsx';
import { Problem, sendText } from '../rest/rest-client.ts';
import type { FetchRun, HqList, Iteration, PageSet } from '../rest/shapes.ts';
import { useAction, useFollowed, useRest } from '../rest/use-rest.ts';

export function ListsView() {
  const { data, problem, reload } = useRest<{ hqLists: HqList[] }>('/v1/hq-lists', 15_000);
  const lists = data?.hqLists ?? [];
  const newest = lists.at(-1);
  const isMoving = newest && (newest.state === 'predicting' || newest.state === 'importing');
  const followed = useFollowed<HqList>(isMoving ? `/v1/hq-lists/${newest.version}/events` : undefined, newest);
  useEffect(() => {
    if (!followed || !newest || followed.version !== newest.version || followed.state === newest.state) return;
    announce(`List ${followed.version} is ${followed.state}`);
    reload();
  }, [followed?.state]);
  return (
    <View
      title="Lists"
      eyebrow="HQ lists"
      intro="A published list never changes. Its audit, a random sample labelled blind, says how precise it is and how much it misses."
    >
      <ProblemNote problem={problem} onRetry={reload} />
      <div class="columns" style={{ '--column': '26rem' }}>
        <Publish newest={newest} reload={reload} />
        {lists.length > 1 && <Compare lists={lists} />}
        <ImportList reload={reload} />
      </div>
      {data && lists.length === 0 && (
        <Empty title="No list is published yet">
          <p>The first one comes after an iteration.</p>
        </Empty>
      )}
      {lists.toReversed().map((list) => (
        <ListSheet key={list.version} list={followed?.version === list.version ? followed : list} />
      ))}
    </View>
  );
}

/** Whether its pages stand: those of a list that is being imported are still being counted. */
const hasPages = ({ pageCount, state }: HqList) =>
  pageCount !== null && state !== 'importing' && state !== 'predicting' && state !== 'failed' && state !== 'cancelled';

function ListSheet({ list }: { list: HqList }) {
  return (
    <Sheet title={<a href={`/lists/${list.version}`}>List {list.version}</a>} actions={<Badge>{list.state}</Badge>}>
      <div class="row apart">
        <AuditLine list={list} />
        <span class="small faint">{moment(list.publishedAt ?? list.createdAt)}</span>
      </div>
      {list.reason && <p class="problem">{sentence(list.reason)}</p>}
      <div class="row">
        {hasPages(list) && (
          <a class="button" href={`/gallery/${list.version}`}>
            Gallery of {whole(list.pageCount ?? 0)} plates
          </a>
        )}
        <a class="button" href={`/lists/${list.version}`}>
          Audit, hashes, downloads
        </a>
        {list.state === 'auditing' && (
          <a class="button main" href="/label?queue=audit">
            Label the audit ({whole(list.auditCount - list.auditedCount)} left)
          </a>
        )}
      </div>
    </Sheet>
  );
}

/** Precision and recall in one line of words; never calls a list audited that is not. */
export function AuditLine({ list }: { list: HqList }) {
  const { precision, precisionLow, precisionHigh, recall, recallLow, recallHigh } = list;
  const between = (low: number | null, high: number | null) => `${percent(low ?? 0, 1)} to ${percent(high ?? 1, 1)}`;
  if (list.state === 'auditing')
    return (
      <p>
        The audit has {whole(list.auditedCount)} of {whole(list.auditCount)} labels.
      </p>
    );
  if (!list.audited || precision === null) return <p class="faint">Not audited.</p>;
  return (
    <p>
      Precision <b>{percent(precision, 1)}</b> <span class="faint">({between(precisionLow, precisionHigh)})</span>
      {recall !== null && (
        <>
          , recall <b>{percent(recall, 1)}</b> <span class="faint">({between(recallLow, recallHigh)})</span>
        </>
      )}
      , from {counted(list.auditedCount, 'audited page')}.
    </p>
  );
}

function Publish({ newest, reload }: { newest: HqList | undefined; reload: () => void }) {
  const { query, route } = useLocation();
  const { data } = useRest<{ iterations: Iteration[] }>('/v1/iterations', 10_000);
  const reviewed = data?.iterations.findLast(({ state }) => state === 'review' || state === 'closed');
  const { data: known } = useRest<{ rules: { name: string; candidateCount: number }[] }>('/v1/pages/rules');
  const { data: fetches } = useRest<{ fetchRuns: FetchRun[] }>('/v1/fetch-runs?limit=20');
  const { data: sets, problem: setsProblem } = useRest<{ pageSets: PageSet[] }>('/v1/page-sets');
  const [chosenRule, setRule] = useState<string>();
  // The rule whose candidates were fetched and drawn from: another one's have neither images nor scores.
  const rule =
    chosenRule ??
    sets?.pageSets.find(({ name }) => name === 'train')?.rule ??
    fetches?.fetchRuns.find((run) => run.rule !== null)?.rule ??
    'illustrated';
  const [how, setHow] = useState<'threshold' | 'precision'>('threshold');
  const [threshold, setThreshold] = useState(query.threshold ?? '0.5');
  const [target, setTarget] = useState('0.95');
  const [auditCount, setAuditCount] = useState('120');
  const publish = useAction<void, HqList>(
    () => ({
      path: '/v1/hq-lists',
      body: {
        rule,
        auditCount: Number(auditCount),
        ...(how === 'threshold' ? { threshold: Number(threshold) } : { targetPrecision: Number(target) }),
      },
    }),
    (list) => {
      announce(`List ${list.version} has begun`);
      reload();
    },
  );
  const number = (newest?.version ?? 0) + 1;
  if (newest && (newest.state === 'predicting' || newest.state === 'importing' || newest.state === 'auditing'))
    return (
      <Sheet title={`List ${newest.version} is ${newest.state}`}>
        {newest.state === 'importing' ? (
          <p>Its lines are being read.</p>
        ) : newest.state === 'predicting' ? (
          <p>Every candidate is being scored; then its pages are frozen and the audit is drawn.</p>
        ) : (
          <>
            <p>
              It is published when each page of its audit has a label: {whole(newest.auditedCount)} of{' '}
              {whole(newest.auditCount)} are there.
            </p>
            <div class="row">
              <a class="button main" href="/label?queue=audit">
                Label the audit
              </a>
            </div>
          </>
        )}
      </Sheet>
    );
  return (
    <Sheet title={`Publish list ${number}`}>
      {reviewed === undefined ? (
        <p class="faint">
          A list is made by an ensemble. <a href="/iterations">Start an iteration</a> first.
        </p>
      ) : (
        <form
          class="columns"
          style={{ '--column': '100%' }}
          onSubmit={(event) => {
            event.preventDefault();
            void publish.run();
            if (query.threshold !== undefined) route('/lists', true);
          }}
        >
          <p class="faint">By the ensemble of iteration {reviewed.number}, from all candidates of the rule.</p>
          <Field label="Candidate rule">
            {(id) => (
              <select id={id} name="rule" value={rule} onChange={(event) => setRule(event.currentTarget.value)}>
                {(known?.rules ?? [{ name: rule, candidateCount: undefined }]).map(({ name, candidateCount }) => (
                  <option key={name} value={name}>
                    {name}
                    {candidateCount === undefined ? '' : ` (${counted(candidateCount, 'candidate')})`}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Segments
            title="Cut the list by"
            of={[
              ['threshold', 'Threshold'],
              ['precision', 'Target precision'],
            ]}
            value={how}
            onChange={setHow}
          />
          <div class="columns" style={{ '--column': '12rem' }}>
            {how === 'threshold' ? (
              <Field label="Threshold of P(HQ)">
                {(id) => (
                  <input
                    id={id}
                    name="threshold"
                    type="number"
                    min="0"
                    max="1"
                    step="0.01"
                    required
                    value={threshold}
                    onInput={(event) => setThreshold(event.currentTarget.value)}
                  />
                )}
              </Field>
            ) : (
              <Field label="Precision to reach" hint="By its 95 % lower bound">
                {(id) => (
                  <input
                    id={id}
                    name="targetPrecision"
                    type="number"
                    min="0.5"
                    max="0.999"
                    step="0.001"
                    required
                    value={target}
                    onInput={(event) => setTarget(event.currentTarget.value)}
                  />
                )}
              </Field>
            )}
            <Field label="Pages to audit" hint="0 publishes at once, unaudited">
              {(id) => (
                <input
                  id={id}
                  name="auditCount"
                  type="number"
                  min="0"
                  max="100000"
                  required
                  value={auditCount}
                  onInput={(event) => setAuditCount(event.currentTarget.value)}
                />
              )}
            </Field>
          </div>
          <div class="row">
            <button
              type="submit"
              class="main"
              disabled={publish.isBusy || (sets === undefined && setsProblem === undefined)}
            >
              Publish list {number}
            </button>
            <a class="button" href={`/iterations/${reviewed.number}`}>
              See what a threshold buys
            </a>
          </div>
          <ProblemNote problem={publish.problem} />
        </form>
      )}
    </Sheet>
  );
}

interface Diff {
  addedCount: number;
  droppedCount: number;
  keptCount: number;
}

function Compare({ lists }: { lists: HqList[] }) {
  const frozen = lists.filter(hasPages);
  // The newest two until somebody chooses: which those are changes while a list is being imported.
  const [older, setFrom] = useState<string>();
  const [newer, setTo] = useState<string>();
  const from = older ?? String(frozen.at(-2)?.version ?? '');
  const to = newer ?? String(frozen.at(-1)?.version ?? '');
  const { data, problem } = useRest<Diff>(
    from && to && from !== to ? `/v1/hq-lists/${from}/diff/${to}?limit=1` : undefined,
  );
  const choice = (value: string, set: (value: string) => void) => (id: string) => (
    <select id={id} value={value} onChange={(event) => set(event.currentTarget.value)}>
      {frozen.map(({ version }) => (
        <option key={version} value={String(version)}>
          List {version}
        </option>
      ))}
    </select>
  );
  if (frozen.length < 2) return null;
  return (
    <Sheet title="Compare">
      <div class="columns" style={{ '--column': '9rem' }}>
        <Field label="The older">{choice(from, setFrom)}</Field>
        <Field label="The newer">{choice(to, setTo)}</Field>
      </div>
      <ProblemNote problem={problem} />
      {data && (
        <p>
          <b>{whole(data.addedCount)}</b> added, <b>{whole(data.droppedCount)}</b> dropped, {whole(data.keptCount)} kept
          <span class="faint">
            {' '}
            (overlap {decimal(data.keptCount / Math.max(1, data.keptCount + data.addedCount + data.droppedCount), 3)})
          </span>
        </p>
      )}
    </Sheet>
  );
}

/** A list that was made elsewhere, such as the one of 2020: one PageID a line. It is never called audited. */
function ImportList({ reload }: { reload: () => void }) {
  const file = useRef<HTMLInputElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>();
  const send = async () => {
    const chosen = file.current?.files?.[0];
    if (!chosen) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const list = await sendText<HqList>(`/v1/hq-lists/imports?source=${encodeURIComponent(chosen.name)}`, chosen);
      announce(`List ${list.version} is being imported`);
      reload();
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)));
    }
    setBusy(false);
  };
  return (
    <Sheet title="Import a list">
      <form
        class="row low"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field label="A file with one PageID a line">
          {(id) => <input id={id} ref={file} type="file" accept=".txt,text/plain" required />}
        </Field>
        <button type="submit" disabled={isBusy}>
          Import it
        </button>
      </form>
      <ProblemNote problem={problem} />
    </Sheet>
  );
}
