import './review.css';
import { useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { counted, decimal, sentence, whole } from '../design/format.ts';
import { Empty, Given, Picture, ProblemNote, View, Votes } from '../design/parts.tsx';
import type { AskedPage } from '../label/decision-history.ts';
import { giveLabels, takeBack } from '../label/labelling.ts';
import { outboxTurn } from '../label/outbox.ts';
import { ZoomDialog } from '../plates/zoom-dialog.tsx';
import {
  type Label,
  labels,
  labelTitles,
  type QueueContent,
  type QueueCount,
  type QueueName,
  queueTitles,
} from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';
import { LabelledNeighbours } from './labelled-neighbours.tsx';

const queues: readonly QueueName[] = ['misprediction', 'review', 'notsure', 'uncertain'];
const told: Partial<Record<QueueName, string>> = {
  review:
    'Unlabelled pages of the classes B, C and D, and a share of A by lot. Accept what the ensemble says, or say otherwise.',
  notsure: 'You were not sure of these pages. The ensemble is.',
  misprediction: 'Members that never saw the book contradict these labels: some of the labels are wrong.',
  uncertain: 'The ensemble agrees with these labels without being sure.',
};
const firstPages = 24;

/** What the ensemble would say; undefined without a prediction. */
const proposed = ({ prediction }: AskedPage): Label | undefined => prediction && (prediction.mean >= 0.5 ? 'HQ' : 'LQ');

/** Of a contradicted label the other one is proposed: its members were in the ensemble's mean, which says what they were taught. */
const offered = (page: AskedPage): Label | undefined =>
  page.queue === 'misprediction' && page.currentLabel ? (page.currentLabel === 'HQ' ? 'LQ' : 'HQ') : proposed(page);

export function ReviewView() {
  const { query } = useLocation();
  const name = queues.find((one) => one === query.queue) ?? 'misprediction';
  const { data: counts } = useRest<{ queues: QueueCount[] }>('/v1/review-queues', 5_000);
  return (
    <View title="Review" eyebrow="Where ensemble and people differ" intro={told[name]}>
      <nav class="tabs" aria-label="Review queues">
        {queues.map((one) => (
          <a key={one} href={`/review?queue=${one}`} aria-current={one === name ? 'page' : undefined}>
            {queueTitles[one]} ({whole(counts?.queues.find((queue) => queue.name === one)?.count ?? 0)})
          </a>
        ))}
      </nav>
      <Queue key={name} name={name} />
    </View>
  );
}

function Queue({ name }: { name: QueueName }) {
  const [limit, setLimit] = useState(firstPages);
  const { data, problem, reload } = useRest<QueueContent>(`/v1/review-queues/${name}?limit=${limit}`);
  const [decided, setDecided] = useState<ReadonlyMap<number, Label>>(new Map());
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const [zoomed, setZoomed] = useState<number | undefined>();
  const shownAt = useRef(performance.now());
  void outboxTurn.value;
  const pages = useMemo(
    () => data?.pages.map((page): AskedPage => ({ ...page, queue: data.queue, iteration: data.iteration })) ?? [],
    [data],
  );
  const give = (given: { page: AskedPage; label: Label }[]) => {
    if (given.length === 0) return;
    const now = performance.now();
    if (!giveLabels(given, now - shownAt.current)) return;
    shownAt.current = now;
    const next = new Map(decided);
    for (const { page, label } of given) next.set(page.pageId, label);
    setDecided(next);
    setSelected(new Set());
  };
  const undo = () => {
    const back = takeBack();
    const next = new Map(decided);
    for (const { pageId } of back) next.delete(pageId);
    setDecided(next);
  };
  const chosen = pages.filter(({ pageId }) => selected.has(pageId));
  const open = pages.filter(({ pageId }) => !decided.has(pageId));
  const offers = (of: AskedPage[]) =>
    of.flatMap((page) => {
      const label = offered(page);
      return label ? [{ page, label }] : [];
    });
  if (problem) return <ProblemNote problem={problem} onRetry={reload} />;
  if (!data) return <p class="faint">Reading the queue…</p>;
  if (pages.length === 0)
    return (
      <Empty title={`Nothing waits in ${queueTitles[name]}`}>
        <p>
          {data.iteration === null ? 'It fills with the first iteration.' : 'The next iteration may bring more.'}{' '}
          <a href="/iterations">To the iterations</a>
        </p>
      </Empty>
    );
  return (
    <>
      <div class="review-bar row">
        <label class="check">
          <input
            type="checkbox"
            checked={selected.size > 0 && selected.size === open.length}
            onChange={(event) =>
              setSelected(event.currentTarget.checked ? new Set(open.map(({ pageId }) => pageId)) : new Set())
            }
          />
          All {open.length}
        </label>
        <button type="button" class="main" disabled={chosen.length === 0} onClick={() => give(offers(chosen))}>
          Accept the ensemble's for {chosen.length}
        </button>
        {name !== 'review' && (
          <button
            type="button"
            disabled={chosen.length === 0}
            onClick={() =>
              give(chosen.flatMap((page) => (page.currentLabel ? [{ page, label: page.currentLabel }] : [])))
            }
          >
            Keep the labels of {chosen.length}
          </button>
        )}
        {labels.map((label) => (
          <button
            key={label}
            type="button"
            disabled={chosen.length === 0}
            onClick={() => give(chosen.map((page) => ({ page, label })))}
          >
            {labelTitles[label]}
          </button>
        ))}
        <button type="button" disabled={decided.size === 0} onClick={undo}>
          Undo
        </button>
        <span class="faint small" role="status">
          {counted(decided.size, 'page')} decided here
        </span>
      </div>
      <ul class="plain review-list">
        {pages.map((page) => (
          <Card
            key={page.pageId}
            page={page}
            decided={decided.get(page.pageId)}
            isSelected={selected.has(page.pageId)}
            onSelect={() => {
              const next = new Set(selected);
              if (!next.delete(page.pageId)) next.add(page.pageId);
              setSelected(next);
            }}
            onGive={(label) => give([{ page, label }])}
            onZoom={() => setZoomed(page.pageId)}
          />
        ))}
      </ul>
      <div class="row">
        {open.length === 0 ? (
          <button
            type="button"
            class="main"
            onClick={() => {
              setDecided(new Map());
              reload();
            }}
          >
            The next pages
          </button>
        ) : (
          pages.length >= limit && (
            <button type="button" onClick={() => setLimit(Math.min(1000, limit * 2))}>
              More pages
            </button>
          )
        )}
      </div>
      {zoomed !== undefined && <ZoomDialog pageId={zoomed} onClose={() => setZoomed(undefined)} />}
    </>
  );
}

interface CardProps {
  page: AskedPage;
  decided: Label | undefined;
  isSelected: boolean;
  onSelect: () => void;
  onGive: (label: Label) => void;
  onZoom: () => void;
}

function Card({ page, decided, isSelected, onSelect, onGive, onZoom }: CardProps) {
  const offer = offered(page);
  const others = labels.filter((label) => label !== offer && label !== page.currentLabel);
  return (
    <li class="review-card" data-decided={decided ? '' : undefined} data-label={decided} data-page={page.pageId}>
      <button type="button" class="review-picture" aria-label={`Zoom page ${page.pageId}`} onClick={onZoom}>
        <Picture pageId={page.pageId} size="medium" alt={`Scanned page ${page.pageId}`} />
      </button>
      <div class="review-body">
        <div class="row apart">
          <label class="check">
            <input type="checkbox" checked={isSelected} disabled={decided !== undefined} onChange={onSelect} />
            Page {page.pageId}
          </label>
          <span class="badge" data-tone="still">
            {page.triageClass ?? page.queue}
          </span>
        </div>
        <p class="small">{sentence(page.reason)}</p>
        {page.currentLabel && (
          <p>
            Labelled <Given label={page.currentLabel} />
          </p>
        )}
        {page.queue === 'misprediction' && (
          <p class="small faint">As the members say it now, those included that were taught this label:</p>
        )}
        {page.prediction && <Votes prediction={page.prediction} />}
        {page.prediction && (
          <p class="small faint">
            Entropy {decimal(page.prediction.entropy, 2)} nats, worth {decimal(page.worth, 2)}
          </p>
        )}
        {page.queue === 'misprediction' && <LabelledNeighbours pageId={page.pageId} />}
        {decided ? (
          <p role="status">
            Decided: <Given label={decided} />
          </p>
        ) : (
          <div class="row">
            {offer && (
              <button type="button" class="main" onClick={() => onGive(offer)}>
                {page.currentLabel && page.currentLabel !== offer ? 'Change to' : 'Accept'} {labelTitles[offer]}
              </button>
            )}
            {page.currentLabel && page.currentLabel !== offer && (
              <button type="button" onClick={() => page.currentLabel && onGive(page.currentLabel)}>
                Keep {labelTitles[page.currentLabel]}
              </button>
            )}
            {others.map((label) => (
              <button key={label} type="button" class="quiet" onClick={() => onGive(label)}>
                {labelTitles[label]}
              </button>
            ))}
          </div>
        )}
      </div>
    </li>
  );
}
