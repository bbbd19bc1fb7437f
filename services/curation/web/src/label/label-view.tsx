import './label.css';
import { useEffect, useReducer } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { whole } from '../design/format.ts';
import { Segments } from '../design/parts.tsx';
import { apiKey } from '../rest/rest-client.ts';
import { type QueueName, queueTitles } from '../rest/shapes.ts';
import { GridMode } from './grid-mode.tsx';
import { countProblem, followCounts, leftOf, paceNow, queueCounts, sessionCount } from './labelling.ts';
import { SingleMode } from './single-mode.tsx';

/** What is opened when the address names no queue: an audit that somebody waits for, then where a label teaches most. */
const openFirst: readonly QueueName[] = ['audit', 'review', 'initial', 'notsure', 'misprediction', 'uncertain'];

export function LabelView() {
  const { query, route } = useLocation();
  useEffect(followCounts, []);
  useEffect(() => {
    document.title = 'Label pages · Florilegium';
  }, []);
  const queues = queueCounts.value;
  const wanted = queues.find(({ name }) => name === query.queue)?.name;
  const mode = query.mode === 'grid' ? 'grid' : 'single';
  const name =
    wanted ?? (queues.length > 0 ? (openFirst.find((one) => (leftOf(one) ?? 0) > 0) ?? 'initial') : undefined);
  const go = (queue: string, shown: string) =>
    route(`/label?queue=${queue}${shown === 'grid' ? '&mode=grid' : ''}`, true);
  useEffect(() => {
    if (name !== undefined && query.queue !== name) go(name, mode);
  }, [name, query.queue]);

  return (
    <div class="labelling" data-mode={mode}>
      <h1 class="unseen">Label pages</h1>
      <div class="label-bar">
        <div class="row">
          <label for="queue" class="unseen">
            Queue
          </label>
          <select
            id="queue"
            value={name}
            onChange={(event) => {
              // The next key is a decision, not a search among the options.
              event.currentTarget.blur();
              go(event.currentTarget.value, mode);
            }}
          >
            {queues.map((queue) => (
              <option key={queue.name} value={queue.name} title={queue.description}>
                {queueTitles[queue.name] ?? queue.name} ({whole(leftOf(queue.name) ?? 0)})
              </option>
            ))}
          </select>
          <Segments
            title="How many at once"
            of={[
              ['single', 'One page'],
              ['grid', 'Grid'],
            ]}
            value={mode}
            onChange={(shown) => name && go(name, shown)}
          />
        </div>
        <Pace name={name} />
      </div>
      {name === undefined ? (
        <p class="label-message" role="status">
          {countProblem.value ? `The queues cannot be read: ${countProblem.value.message}.` : 'Looking for pages…'}
        </p>
      ) : mode === 'grid' ? (
        <GridMode key={`${name} ${apiKey.value}`} name={name} />
      ) : (
        <SingleMode key={`${name} ${apiKey.value}`} name={name} />
      )}
    </div>
  );
}

function Pace({ name }: { name: QueueName | undefined }) {
  const [, turn] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => turn(undefined), 1_000);
    return () => clearInterval(timer);
  }, []);
  const left = leftOf(name);
  const pace = paceNow();
  const minutes = pace && left !== undefined ? left / pace : undefined;
  const parts = [
    left === undefined ? '' : `${whole(left)} left`,
    `${whole(sessionCount.value)} done`,
    pace === undefined ? '' : `${Math.round(pace)} a minute`,
    minutes !== undefined && minutes >= 1 ? `about ${Math.round(minutes)} min to go` : '',
  ];
  return (
    <p class="pace" id="pace">
      {parts.filter(Boolean).join(' · ')}
    </p>
  );
}
