import './review.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { counted, decimal, sentence, whole } from '../design/format.ts';
import { Empty, Given, Picture, ProblemNote, View, Votes } from '../design/parts.tsx';
import { type AskedPage, historyLength, historyTurn } from '../label/decision-history.ts';
import { giveLabels, hiddenPages, takeBack } from '../label/labelling.ts';
import { outboxTurn } from '../label/outbox.ts';
import { ZoomDialog } from '../plates/zoom-dialog.tsx';
import {
  type Label,
  labels,
  labelTitles,
  type Prediction,
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
/** Of one answer. */
const limitMax = 1000;

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
  const [full, setFull] = useState('');
  /** Undefined until the queue was read, and while the next pages are. */
  const [shown, setShown] = useState<AskedPage[] | undefined>();
  const shownAt = useRef(performance.now());
  void outboxTurn.value;
  void historyTurn.value;
  // What is shown stays in its place, with the focus in it: more pages come after it, and what was decided here leaves with the next ones.
  useEffect(() => {
    if (!data) return;
    const read = new Map(
      data.pages.map((page) => [page.pageId, { ...page, queue: data.queue, iteration: data.iteration }]),
    );
    setShown((before = []) => {
      const kept = before.filter(({ pageId }) => read.has(pageId) || decided.has(pageId));
      const hidden = new Set([...hiddenPages(), ...kept.map(({ pageId }) => pageId)]);
      return [...kept, ...[...read.values()].filter(({ pageId }) => !hidden.has(pageId))];
    });
  }, [data]);
  const pages = shown ?? [];
  const give = (given: { page: AskedPage; label: Label }[]) => {
    if (given.length === 0) return;
    const now = performance.now();
    const isKept = giveLabels(given, now - shownAt.current);
    setFull(isKept ? '' : 'This browser has no room left to keep the labels. Wait until the others are saved.');
    if (!isKept) return;
    shownAt.current = now;
    const next = new Map(decided);
    for (const { page, label } of given) next.set(page.pageId, label);
    setDecided(next);
    setSelected(new Set());
  };
  const undo = () => {
    const back = takeBack().flatMap(({ page }) => (page.queue === name ? [page] : []));
    const next = new Map(decided);
    for (const { pageId } of back) next.delete(pageId);
    setDecided(next);
    // Those that left with the pages before these come back.
    setShown((before = []) => {
      const here = new Set(before.map(({ pageId }) => pageId));
      return [...back.filter(({ pageId }) => !here.has(pageId)), ...before];
    });
  };
  const undoNow = useRef(undo);
  undoNow.current = undo;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (target instanceof Element && target.closest('input:not([type=checkbox]), dialog')) return;
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || key.toLowerCase() !== 'z') return;
      event.preventDefault();
      undoNow.current();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const chosen = pages.filter(({ pageId }) => selected.has(pageId));
  const open = pages.filter(({ pageId }) => !decided.has(pageId));
  const offers = (of: AskedPage[]) =>
    of.flatMap((page) => {
      const label = offered(page);
      return label ? [{ page, label }] : [];
    });
  if (shown === undefined)
    return problem ? <ProblemNote problem={problem} onRetry={reload} /> : <p class="faint">Reading the queue…</p>;
  if (pages.length === 0)
    return (
      <Empty title={`Nothing waits in ${queueTitles[name]}`}>
        {historyLength() > 0 && (
          <button type="button" onClick={undo}>
            Undo
          </button>
        )}
        <p>
          {data?.iteration == null ? 'It fills with the first iteration.' : 'The next iteration may bring more.'}{' '}
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
        {chosen.length > 0 && (
          <button type="button" class="main" onClick={() => give(offers(chosen))}>
            Accept the ensemble's for {chosen.length}
          </button>
        )}
        {chosen.length > 0 && name !== 'review' && (
          <button
            type="button"
            onClick={() =>
              give(chosen.flatMap((page) => (page.currentLabel ? [{ page, label: page.currentLabel }] : [])))
            }
          >
            Keep the labels of {chosen.length}
          </button>
        )}
        {chosen.length > 0 &&
          labels.map((label) => (
            <button key={label} type="button" onClick={() => give(chosen.map((page) => ({ page, label })))}>
              {labelTitles[label]}
            </button>
          ))}
        <button type="button" aria-keyshortcuts="Control+Z" disabled={historyLength() === 0} onClick={undo}>
          Undo
        </button>
        <span class="faint small" role="status">
          {counted(decided.size, 'page')} decided here
        </span>
      </div>
      <ProblemNote problem={full || problem} {...(full ? {} : { onRetry: reload })} />
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
              setShown(undefined);
              reload();
            }}
          >
            The next pages
          </button>
        ) : (
          limit < limitMax &&
          (data === undefined || data.pages.length >= limit) && (
            // Not disabled while they are read: it would lose the focus.
            <button type="button" onClick={() => data && setLimit(Math.min(limitMax, limit * 2))}>
              More pages
            </button>
          )
        )}
      </div>
      {zoomed !== undefined && <ZoomDialog pageId={zoomed} onClose={() => setZoomed(undefined)} />}
    </>
  );
}

function Said({ page, prediction }: { page: AskedPage; prediction: Prediction }) {
  return (
    <>
      <Votes prediction={prediction} />
      <p class="small faint">
        Entropy {decimal(prediction.entropy, 2)} nats, worth {decimal(page.worth, 2)}
      </p>
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
            {page.queue === 'review' ? `Class ${page.triageClass}` : queueTitles[page.queue]}
          </span>
        </div>
        <p class="small">{sentence(page.reason)}</p>
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
        {page.queue === 'misprediction' && <LabelledNeighbours pageId={page.pageId} />}
        {page.prediction &&
          (page.queue === 'misprediction' ? (
            <details class="small">
              <summary>What all members say now, those taught this label too</summary>
              <Said page={page} prediction={page.prediction} />
            </details>
          ) : (
            <Said page={page} prediction={page.prediction} />
          ))}
      </div>
    </li>
  );
}
