import { useState } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import { moment, percent, sentence, whole } from '../design/format.ts';
import { Badge, Field, Figures, ProblemNote, Sheet, View } from '../design/parts.tsx';
import { type Histogram, ScoreHistogram } from '../iterations/score-histogram.tsx';
import { saveFile } from '../rest/rest-client.ts';
import type { HqList } from '../rest/shapes.ts';
import { useAction, useRest } from '../rest/use-rest.ts';
import { AuditLine } from './lists-view.tsx';
import '../iterations/iterations.css';

export function ListView() {
  const { params } = useRoute();
  const path = `/v1/hq-lists/${params.version}`;
  const { data: list, problem, reload } = useRest<HqList>(path, 10_000);
  const { data: histogram } = useRest<Histogram>(list && list.pageCount !== null ? `${path}/histogram` : undefined);
  return (
    <View
      title={`List ${params.version}`}
      eyebrow={<a href="/lists">All lists</a>}
      actions={list && <Badge>{list.state}</Badge>}
    >
      <ProblemNote problem={problem} onRetry={reload} />
      {list && (
        <>
          {list.reason && <p class="problem">{sentence(list.reason)}</p>}
          <div class="columns" style={{ '--column': '26rem' }}>
            <Sheet title="What it holds">
              <Figures
                of={[
                  ['Plates', whole(list.pageCount ?? 0)],
                  ['Candidates', whole(list.candidateCount ?? 0)],
                  ['By a person', whole(list.labelledHqCount ?? 0)],
                  ['Threshold', list.threshold === null ? '–' : list.threshold.toFixed(2)],
                ]}
              />
              <p class="small faint">
                Rule {list.rule}
                {list.iteration !== null && `, ensemble of iteration ${list.iteration}`}
                {list.noImageCount !== null && `, ${whole(list.noImageCount)} candidates without an image`}. Begun{' '}
                {moment(list.createdAt)}
                {list.publishedAt && `, published ${moment(list.publishedAt)}`}.
              </p>
              <div class="row">
                <a class="button main" href={`/gallery/${list.version}`}>
                  Gallery
                </a>
                <button type="button" onClick={() => saveFile(`${path}/pages.txt`, `hq-list-v${list.version}.txt`)}>
                  PageIDs as text
                </button>
                <button type="button" onClick={() => saveFile(`${path}/pages.csv`, `hq-list-v${list.version}.csv`)}>
                  CSV
                </button>
                <a class="button" href={`/collage?list=${list.version}`}>
                  Collage
                </a>
              </div>
            </Sheet>
            <Sheet title="The audit">
              <AuditLine list={list} />
              {list.audited && list.precision !== null && (
                <>
                  <Interval
                    title="Precision"
                    value={list.precision}
                    low={list.precisionLow}
                    high={list.precisionHigh}
                  />
                  {list.recall !== null && (
                    <Interval title="Recall" value={list.recall} low={list.recallLow} high={list.recallHigh} />
                  )}
                </>
              )}
              {list.state === 'auditing' && (
                <a class="button main" href="/label?queue=audit">
                  Label the audit
                </a>
              )}
            </Sheet>
          </div>
          {histogram && list.threshold !== null && (
            <Sheet title="Scores of all candidates">
              <ScoreHistogram histogram={histogram} start={list.threshold} />
            </Sheet>
          )}
          <div class="columns" style={{ '--column': '26rem' }}>
            <Sheet title="What it was made of">
              <Hashes
                of={[
                  ['Pages', list.pagesSha256],
                  ['Model', list.modelSha256],
                  ['Label set', list.labelSetSha256],
                ]}
              />
            </Sheet>
            {(list.state === 'published' || list.state === 'auditing') && <Withdraw list={list} reload={reload} />}
          </div>
        </>
      )}
    </View>
  );
}

/** A value with its interval on the line from one half to one, or from zero where it lies lower. */
function Interval({
  title,
  value,
  low,
  high,
}: {
  title: string;
  value: number;
  low: number | null;
  high: number | null;
}) {
  const from = Math.min(0.5, Math.floor((low ?? value) * 10) / 10);
  const at = (share: number) => `${(100 * (share - from)) / (1 - from)}%`;
  return (
    <div class="interval">
      <span>
        {title} {percent(value, 1)}
      </span>
      <div class="interval-line" aria-hidden="true">
        <i class="interval-range" style={{ left: at(low ?? value), right: `calc(100% - ${at(high ?? value)})` }} />
        <i class="interval-value" style={{ left: at(value) }} />
      </div>
      <span class="small faint row apart">
        <span>{percent(from)}</span>
        <span>
          95 % interval {percent(low ?? 0, 1)} to {percent(high ?? 1, 1)}
        </span>
        <span>100 %</span>
      </span>
    </div>
  );
}

const Hashes = ({ of }: { of: [string, string | null][] }) => (
  <dl class="hashes">
    {of.map(([title, sha256]) => (
      <div key={title}>
        <dt class="small faint">{title}, SHA-256</dt>
        <dd>
          <code>{sha256 ?? '–'}</code>
        </dd>
      </div>
    ))}
  </dl>
);

function Withdraw({ list, reload }: { list: HqList; reload: () => void }) {
  const [reason, setReason] = useState('');
  const withdraw = useAction<void>(() => ({ path: `/v1/hq-lists/${list.version}/withdraw`, body: { reason } }), reload);
  return (
    <Sheet title="Withdraw">
      <form
        class="row low"
        onSubmit={(event) => {
          event.preventDefault();
          void withdraw.run();
        }}
      >
        <Field label="Reason" hint="Its pages stay readable: somebody may have built on them.">
          {(id) => (
            <input
              id={id}
              required
              maxLength={500}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          )}
        </Field>
        <button type="submit" disabled={withdraw.isBusy}>
          Take it out of use
        </button>
      </form>
      <ProblemNote problem={withdraw.problem} />
    </Sheet>
  );
}
