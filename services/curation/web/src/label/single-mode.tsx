// One page large, one key a decision.
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { announce } from '../design/announce.ts';
import { counted, decimal, percent, sentence } from '../design/format.ts';
import { Empty, Given, Votes } from '../design/parts.tsx';
import { useKept } from '../design/use-kept.ts';
import { Neighbours } from '../plates/neighbours.tsx';
import { ZoomDialog } from '../plates/zoom-dialog.tsx';
import { keyAsked } from '../rest/rest-client.ts';
import {
  blindQueues,
  type Label,
  labels,
  labelTitles,
  type QueueName,
  queueTitles,
  type Story,
} from '../rest/shapes.ts';
import { type AskedPage, historyLength, historyTurn, newestDecided } from './decision-history.ts';
import { giveLabels, hiddenPages, labelSummary, leftOf, queueCounts, takeBack } from './labelling.ts';
import { deliveries } from './outbox.ts';
import { type ComingPicture, createPageQueue, type PageQueue } from './page-queue.ts';

const digits: Record<string, Label> = { 1: 'HQ', 2: 'LQ', 3: 'NOT_SURE' };

/** Why a page is asked, without the ensemble's answer. */
const blindReasons: Record<string, string> = {
  A: 'A sample of the pages that the ensemble is sure of.',
  B: 'The members of the ensemble agree, and none of them is sure.',
  C: 'Members of the ensemble disagree, though as a whole it is sure.',
  D: 'The members of the ensemble disagree, and as a whole it is not sure.',
  NOTSURE: 'Somebody was not sure of this page. The ensemble is.',
  MISPREDICTION: 'Members of the ensemble contradict the label that this page has.',
  UNCERTAIN: 'The ensemble agrees with the label that this page has, without being sure.',
};

export function reasonOf(page: AskedPage, isGuessShown: boolean): string {
  if (isGuessShown || !page.triageClass) return sentence(page.reason);
  const byLot = page.reason.startsWith('drawn by lot') ? 'Drawn by lot. ' : '';
  return `${byLot}${blindReasons[page.triageClass] ?? ''}`;
}

export function SingleMode({ name }: { name: QueueName }) {
  const [, turn] = useReducer((count: number) => count + 1, 0);
  const kept = useRef<PageQueue | undefined>(undefined);
  if (!kept.current)
    kept.current = createPageQueue({ shownCount: 1, hidden: hiddenPages, onChange: () => turn(undefined) });
  const queue = kept.current;
  const sheet = useRef<HTMLDivElement>(null);
  const shown = useRef<{ pageId: number | undefined; atMs: number }>({ pageId: undefined, atMs: 0 });
  const [showGuess, setShowGuess] = useKept('show-guess', 'no');
  const [isZoomed, setZoomed] = useState(false);
  const [showBook, setShowBook] = useState(false);
  const [problem, setProblem] = useState('');
  const [flashed, setFlashed] = useState<Label | undefined>();

  useEffect(() => {
    queue.open(name);
    return () => queue.close();
  }, [queue, name]);
  // The server may have more by now.
  useEffect(() => {
    if (queue.isEmpty && (leftOf(name) ?? 0) > 0) queue.reload();
  }, [deliveries.value, queueCounts.value]);

  const page = queue.pages[0];
  const picture = page && queue.pictureOf(page.pageId);
  const isReady = picture?.state === 'ready';
  const isBlind = blindQueues.has(name);
  const isGuessShown = showGuess === 'yes' && !isBlind;
  const story = page && queue.storyOf(page.pageId);

  // Before the next frame, so that picture and words change together.
  const element = isReady ? picture.element : undefined;
  const placeSheet = (box: HTMLDivElement | null) => {
    sheet.current = box;
    if (!box) return;
    if (!element || !page) {
      if (box.firstChild) box.replaceChildren();
      shown.current = { pageId: undefined, atMs: 0 };
      return;
    }
    element.alt = `Scanned page ${page.pageId}${story?.title ? ` of ${story.title}` : ''}`;
    if (box.firstChild !== element) box.replaceChildren(element);
    if (shown.current.pageId === page.pageId) return;
    shown.current = { pageId: page.pageId, atMs: performance.now() };
    announce(`Page ${page.pageId}. ${reasonOf(page, isGuessShown)}`);
  };

  const decide = (label: Label) => {
    const current = queue.pages[0];
    // Nobody can judge what they do not see.
    if (!current || shown.current.pageId !== current.pageId) return;
    if (!giveLabels([{ page: current, label }], performance.now() - shown.current.atMs)) {
      setProblem('This browser has no room left to keep the label. Wait until the others are saved.');
      return;
    }
    setProblem('');
    setFlashed(label);
    setShowBook(false);
    queue.take([current.pageId]);
  };
  const undo = () => {
    const here = takeBack().flatMap(({ page: one }) => (one.queue === name ? [one] : []));
    if (here.length > 0) queue.putBack(here);
  };

  useEffect(() => {
    if (flashed === undefined) return;
    const timer = setTimeout(() => setFlashed(undefined), 150);
    return () => clearTimeout(timer);
  }, [flashed]);

  const act = useRef({ decide, undo });
  act.current = { decide, undo };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target, key, code } = event;
      if (target instanceof Element && target.closest('input:not([type=checkbox]), select, dialog')) return;
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key.toLowerCase() === 'z') {
        event.preventDefault();
        act.current.undo();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (key === 'Backspace') {
        event.preventDefault();
        act.current.undo();
        return;
      }
      // On French keyboards the digits need Shift; the key in the same place counts without it.
      const digit = key in digits ? key : !event.shiftKey && /^Digit[123]$/.test(code) ? code.slice(-1) : undefined;
      const label = digit === undefined ? undefined : digits[digit];
      // A key held down is one decision, not thirty.
      if (label && !event.repeat) act.current.decide(label);
      else if (key === 'z' && !event.repeat) setZoomed(true);
      else if (key === 'n' && !event.repeat) setShowBook((now) => !now);
    };
    // The time away is not the time that a decision took.
    const onSight = () => {
      if (!document.hidden) shown.current.atMs = performance.now();
    };
    addEventListener('keydown', onKey);
    document.addEventListener('visibilitychange', onSight);
    return () => {
      removeEventListener('keydown', onKey);
      document.removeEventListener('visibilitychange', onSight);
    };
  }, []);

  return (
    <>
      <figure class="label-sheet" aria-label="The page to label" data-ahead={queue.readyAhead}>
        <div class="label-picture" id="picture" ref={placeSheet} />
        {!isReady && <Message queue={queue} page={page} picture={picture} onSkip={(pageId) => queue.take([pageId])} />}
        {isReady && (
          <button type="button" class="zoom-button" aria-keyshortcuts="z" onClick={() => setZoomed(true)}>
            <kbd>z</kbd> Zoom
          </button>
        )}
        {showBook && page && <Neighbours pageId={page.pageId} story={story ?? undefined} />}
      </figure>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is not laid out as a grid in every browser */}
      <div class="label-actions" role="group" aria-label="Your label">
        {labels.map((label, index) => (
          <button
            key={label}
            type="button"
            data-label={label}
            class={flashed === label ? 'flashed' : ''}
            aria-keyshortcuts={String(index + 1)}
            disabled={!isReady}
            onClick={(event) => {
              decide(label);
              // After a click of the mouse the space bar must not press the button again.
              if (event.detail > 0) event.currentTarget.blur();
            }}
          >
            <kbd>{index + 1}</kbd> {labelTitles[label]}
          </button>
        ))}
        <button
          type="button"
          aria-keyshortcuts="Control+Z Backspace"
          disabled={historyLength() === 0}
          onClick={(event) => {
            undo();
            if (event.detail > 0) event.currentTarget.blur();
          }}
        >
          <kbd>⌫</kbd> Undo
        </button>
      </div>
      <aside class="label-aside" aria-label="About this page">
        {problem && <p class="problem">{problem}</p>}
        {page && (
          <>
            <section>
              <h2>Why this page</h2>
              <p id="reason">{reasonOf(page, isGuessShown)}</p>
            </section>
            <section>
              <h2>The book</h2>
              <Book page={page} story={story} />
              <button
                type="button"
                aria-keyshortcuts="n"
                aria-expanded={showBook}
                onClick={() => setShowBook(!showBook)}
              >
                <kbd>n</kbd> Neighbours in the book
              </button>
            </section>
            <section>
              <h2>What the ensemble thinks</h2>
              {isBlind ? (
                <p class="faint">Nothing here: this queue is labelled blind.</p>
              ) : (
                <label class="check">
                  <input
                    type="checkbox"
                    checked={showGuess === 'yes'}
                    onChange={(event) => setShowGuess(event.currentTarget.checked ? 'yes' : 'no')}
                  />
                  Show it before I decide
                </label>
              )}
              {isGuessShown && <Guess page={page} />}
            </section>
          </>
        )}
        <Past />
        <section>
          <h2>Labels so far</h2>
          {labelSummary.value && (
            <p>
              {labels.map((label) => `${labelSummary.value?.byLabel[label] ?? 0} ${labelTitles[label]}`).join(' · ')}
            </p>
          )}
          <p class="small faint keys">
            <kbd>1</kbd> HQ: a beautiful natural-history plate. <kbd>2</kbd> LQ: anything else. <kbd>3</kbd> Not sure.{' '}
            <kbd>⌫</kbd> or <kbd>Ctrl</kbd> <kbd>Z</kbd> takes back, step by step. <kbd>z</kbd> zooms, <kbd>n</kbd>{' '}
            shows the neighbours.
          </p>
        </section>
      </aside>
      {isZoomed && page && <ZoomDialog pageId={page.pageId} onClose={() => setZoomed(false)} />}
    </>
  );
}

interface MessageProps {
  queue: PageQueue;
  page: AskedPage | undefined;
  picture: ComingPicture | undefined;
  onSkip: (pageId: number) => void;
}

/** What stands in the place of the picture. */
function Message({ queue, page, picture, onSkip }: MessageProps) {
  if (page && picture?.isGone)
    return (
      <div class="label-message" role="status">
        <p>
          The image of page {page.pageId} cannot be shown: {picture.detail}
        </p>
        <button type="button" onClick={() => onSkip(page.pageId)}>
          Next page
        </button>
      </div>
    );
  if (!page && queue.isEmpty) return <Done name={queue.name} />;
  const { problem } = queue;
  return (
    <div class="label-message" role="status">
      {picture?.state === 'failed' && page ? (
        <p>
          Waiting for the image of page {page.pageId}: {picture.detail}.
        </p>
      ) : page ? (
        <p>Fetching the image…</p>
      ) : problem?.needsKey ? (
        <>
          <p>An API key opens the queues.</p>
          <button
            type="button"
            onClick={() => {
              keyAsked.value = problem.message;
            }}
          >
            Give a key
          </button>
        </>
      ) : problem ? (
        <p>The queue cannot be read: {problem.message}.</p>
      ) : (
        <p>Looking for pages…</p>
      )}
    </div>
  );
}

/** A queue at its end, and where to go from here. */
export function Done({ name }: { name: QueueName | undefined }) {
  const others = queueCounts.value.filter((queue) => queue.name !== name && (leftOf(queue.name) ?? 0) > 0);
  return (
    <div class="label-message" role="status">
      <Empty title={`Nothing waits in ${name ? queueTitles[name] : 'this queue'}`}>
        <div class="row">
          {others.map((queue) => (
            <a key={queue.name} class="button" href={`/label?queue=${queue.name}`}>
              {queueTitles[queue.name]}: {counted(leftOf(queue.name) ?? 0, 'page')}
            </a>
          ))}
        </div>
        <p>
          Go on to the <a href="/iterations">iterations</a>, or see the <a href="/">overview</a>.
        </p>
      </Empty>
    </div>
  );
}

function Book({ page, story }: { page: AskedPage; story: Story | null | undefined }) {
  if (story === undefined) return <p class="faint">…</p>;
  if (story === null) return <p class="faint">Its story cannot be read at the moment.</p>;
  const facts = [story.authors, story.year, story.volume, story.place, `page ${page.pageId}`];
  return (
    <>
      <p class="book-title" id="title">
        {story.title || 'Its title is not known.'}
      </p>
      <p class="small faint">{facts.filter(Boolean).join(' · ')}</p>
      {story.names.length > 0 && <p class="small names">{story.names.slice(0, 8).join(', ')}</p>}
      <p class="small">
        <a id="bhl" href={story.bhlAddress} target="_blank" rel="noreferrer">
          See it at BHL
        </a>
      </p>
    </>
  );
}

function Guess({ page }: { page: AskedPage }) {
  if (!page.prediction) return <p class="faint">No prediction is stored for this page.</p>;
  const { mean, disagreement, entropy } = page.prediction;
  return (
    <>
      {page.currentLabel && (
        <p>
          Labelled <Given label={page.currentLabel} /> at present.
        </p>
      )}
      <p>
        <Given label={mean >= 0.5 ? 'HQ' : 'LQ'} /> with P(HQ) {decimal(mean, 2)}
      </p>
      <Votes prediction={page.prediction} />
      <p class="small faint">
        Disagreement {percent(disagreement)}, entropy {decimal(entropy, 2)} nats.
      </p>
    </>
  );
}

export function Past() {
  void historyTurn.value;
  const decided = newestDecided(5);
  if (decided.length === 0) return null;
  return (
    <section>
      <h2>Decided last</h2>
      <ol class="plain small past" id="decided">
        {decided.map(({ id, given }) => {
          const [first] = given;
          if (!first) return null;
          const mean = blindQueues.has(first.page.queue) ? undefined : first.page.prediction?.mean;
          return (
            <li key={id}>
              <Given label={first.label} />{' '}
              {given.length > 1 ? `and ${given.length - 1} more` : `page ${first.page.pageId}`}
              {given.length === 1 && mean !== undefined && (
                <span class="faint"> · ensemble P(HQ) {decimal(mean, 2)}</span>
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
