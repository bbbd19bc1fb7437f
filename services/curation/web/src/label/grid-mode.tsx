// A sheet of thumbnails, many decisions at once: arrows move, Shift extends, 1 2 3 label what is selected, R gives the rest LQ.
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { announce } from '../design/announce.ts';
import { counted } from '../design/format.ts';
import { useKept } from '../design/use-kept.ts';
import { ZoomDialog } from '../plates/zoom-dialog.tsx';
import { type Label, labels, labelTitles, type QueueName } from '../rest/shapes.ts';
import { type AskedPage, historyLength } from './decision-history.ts';
import { giveLabels, hiddenPages, leftOf, queueCounts, takeBack } from './labelling.ts';
import { deliveries } from './outbox.ts';
import { createPageQueue, type PageQueue } from './page-queue.ts';
import { Done } from './single-mode.tsx';

const digits: Record<string, Label> = { 1: 'HQ', 2: 'LQ', 3: 'NOT_SURE' };
const sheetSizes = ['20', '40', '60'];

interface Marked {
  page: AskedPage;
  label: Label | undefined;
}

export function GridMode({ name }: { name: QueueName }) {
  const [, turn] = useReducer((count: number) => count + 1, 0);
  const [size, setSize] = useKept('grid-size', '40');
  const [tile, setTile] = useKept('grid-tile', '9');
  const [sheet, setSheet] = useState<Marked[]>([]);
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const [at, setAt] = useState(0);
  const [zoomed, setZoomed] = useState<number | undefined>();
  const [problem, setProblem] = useState('');
  const anchor = useRef(0);
  const shownAt = useRef(performance.now());
  const box = useRef<HTMLDivElement>(null);
  const kept = useRef<PageQueue | undefined>(undefined);
  if (!kept.current)
    kept.current = createPageQueue({ shownCount: 60, hidden: hiddenPages, onChange: () => turn(undefined) });
  const queue = kept.current;
  const count = Number(size);

  useEffect(() => {
    queue.open(name);
    return () => queue.close();
  }, [queue, name]);
  useEffect(() => {
    if (queue.isEmpty && (leftOf(name) ?? 0) > 0) queue.reload();
  }, [deliveries.value, queueCounts.value]);

  const waiting = queue.pages.length;
  const isGone = ({ page }: Marked) => queue.pictureOf(page.pageId)?.isGone === true;
  const isDone = sheet.length > 0 && sheet.every((marked) => marked.label !== undefined || isGone(marked));
  // A new sheet, when there is none; one that is being worked on only grows to its size.
  useEffect(() => {
    const taken = new Set(sheet.map(({ page }) => page.pageId));
    const free = queue.pages.filter(({ pageId }) => !taken.has(pageId));
    if (sheet.length < count && free.length > 0 && !isDone) {
      if (sheet.length === 0) shownAt.current = performance.now();
      // To what stands by then: a key may have labelled a tile since this was drawn.
      setSheet((now) => [...now, ...free.slice(0, count - now.length).map((page) => ({ page, label: undefined }))]);
    }
  }, [waiting, sheet.length, count, isDone]);

  const give = (places: readonly number[], label: Label) => {
    const wanted = places.flatMap((place) => {
      const marked = sheet[place];
      return marked && marked.label !== label ? [marked] : [];
    });
    // Nobody can judge what they do not see.
    const chosen = wanted.filter(({ page }) => isPainted(box.current, page.pageId));
    if (chosen.length < wanted.length)
      announce(`${counted(wanted.length - chosen.length, 'page')} without a picture stay open.`);
    if (chosen.length === 0) return;
    const now = performance.now();
    if (
      !giveLabels(
        chosen.map(({ page, label: before }) => ({ page, label, before })),
        now - shownAt.current,
      )
    ) {
      setProblem('This browser has no room left to keep the labels. Wait until the others are saved.');
      return;
    }
    setProblem('');
    shownAt.current = now;
    const ids = new Set(chosen.map(({ page }) => page.pageId));
    const next = sheet.map((marked) => (ids.has(marked.page.pageId) ? { ...marked, label } : marked));
    setSheet(next);
    setSelected(new Set());
    const free = next.findIndex(({ label: given }, place) => given === undefined && place >= at);
    const first = free >= 0 ? free : next.findIndex(({ label: given }) => given === undefined);
    if (first >= 0) moveTo(first, false);
  };
  const chosenPlaces = () => (selected.size > 0 ? [...selected] : [at]);
  const restIsLq = () =>
    give(
      sheet.flatMap(({ label }, place) => (label === undefined ? [place] : [])),
      'LQ',
    );
  const nextSheet = () => {
    queue.take(sheet.map(({ page }) => page.pageId));
    setSheet([]);
    setSelected(new Set());
    setAt(0);
    anchor.current = 0;
    box.current?.scrollTo(0, 0);
  };
  const undo = () => {
    // The label before a correction stands again at the server, and so it does here.
    const back = takeBack().flatMap(({ page, before }) => (page.queue === name ? [{ page, label: before }] : []));
    const ids = new Map(back.map((marked) => [marked.page.pageId, marked]));
    const isHere = sheet.some(({ page }) => ids.has(page.pageId));
    if (isHere) setSheet(sheet.map((marked) => ids.get(marked.page.pageId) ?? marked));
    else if (back.length > 0) {
      queue.putBack(back.map(({ page }) => page));
      setSheet(back);
    }
    setSelected(new Set());
  };
  const moveTo = (place: number, isExtended: boolean) => {
    const next = Math.max(0, Math.min(sheet.length - 1, place));
    setAt(next);
    if (isExtended) {
      const [low, high] = [Math.min(anchor.current, next), Math.max(anchor.current, next)];
      setSelected(new Set(Array.from({ length: high - low + 1 }, (_, index) => low + index)));
      announce(`${counted(high - low + 1, 'page')} selected`);
    } else {
      anchor.current = next;
    }
    (box.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  const toggle = (place: number) => {
    const next = new Set(selected);
    if (!next.delete(place)) next.add(place);
    anchor.current = place;
    setSelected(next);
  };

  const act = useRef<(event: KeyboardEvent) => void>(() => {});
  act.current = (event) => {
    const { target, key, code } = event;
    if (target instanceof Element && target.closest('input:not([type=range]), select, dialog')) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      if (key.toLowerCase() === 'z' && !event.shiftKey) undo();
      else if (key.toLowerCase() === 'a') setSelected(new Set(sheet.map((_, place) => place)));
      else return;
      event.preventDefault();
      return;
    }
    if (event.altKey) return;
    const columns = columnsOf(box.current);
    const isOnTile = target instanceof Element && target.closest('.grid-sheet') !== null;
    const isOnControl = target instanceof Element && target.closest('button, a, input') !== null;
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const step = steps[key];
    const digit = key in digits ? key : !event.shiftKey && /^Digit[123]$/.test(code) ? code.slice(-1) : undefined;
    const label = digit === undefined ? undefined : digits[digit];
    if (step !== undefined && (isOnTile || !isOnControl)) moveTo(at + step, event.shiftKey);
    else if (key === 'Home' && isOnTile) moveTo(0, event.shiftKey);
    else if (key === 'End' && isOnTile) moveTo(sheet.length - 1, event.shiftKey);
    else if (key === 'Backspace') undo();
    else if (event.repeat) return;
    else if (label) give(chosenPlaces(), label);
    else if (key === 'r') restIsLq();
    else if (key === 'z') setZoomed(sheet[at]?.page.pageId);
    else if (key === ' ' && isOnTile) toggle(at);
    else if (key === 'Enter' && isOnTile && isDone) nextSheet();
    else if (key === 'Escape') setSelected(new Set());
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => act.current(event);
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);

  const open = sheet.filter(({ label }) => label === undefined).length;
  return (
    <>
      {sheet.length === 0 ? (
        queue.isEmpty ? (
          <Done name={name} />
        ) : (
          <p class="label-message" role="status">
            {queue.problem ? `The queue cannot be read: ${queue.problem.message}.` : 'Looking for pages…'}
          </p>
        )
      ) : (
        <div
          class="grid-sheet"
          ref={box}
          role="listbox"
          tabIndex={-1}
          aria-label="Pages to label"
          aria-multiselectable="true"
          style={{ '--tile': `${tile}rem` }}
        >
          {sheet.map(({ page, label }, place) => {
            const picture = queue.pictureOf(page.pageId);
            return (
              // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled for the whole sheet
              <div
                key={page.pageId}
                class="tile"
                role="option"
                aria-selected={selected.has(place)}
                aria-label={`Page ${page.pageId}${label ? `, ${labelTitles[label]}` : ''}`}
                tabIndex={place === at ? 0 : -1}
                data-label={label}
                data-page={page.pageId}
                onFocus={() => setAt(place)}
                onClick={(event) => {
                  if (event.shiftKey) moveTo(place, true);
                  else {
                    toggle(place);
                    setAt(place);
                  }
                }}
              >
                {picture?.address ? (
                  <img src={picture.address} alt="" decoding="async" />
                ) : (
                  <span class="picture missing">{picture?.state === 'failed' ? picture.detail : '…'}</span>
                )}
                {label && <span class="mark">{labelTitles[label]}</span>}
              </div>
            );
          })}
        </div>
      )}
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is not laid out in a row in every browser */}
      <div class="grid-actions" role="group" aria-label="Label the selected pages">
        {labels.map((label, index) => (
          <button
            key={label}
            type="button"
            data-label={label}
            aria-keyshortcuts={String(index + 1)}
            disabled={sheet.length === 0}
            onClick={() => give(chosenPlaces(), label)}
          >
            <kbd>{index + 1}</kbd> {labelTitles[label]}
          </button>
        ))}
        <button type="button" aria-keyshortcuts="r" disabled={open === 0} onClick={restIsLq}>
          <kbd>r</kbd> The rest are LQ
        </button>
        <button type="button" class={isDone ? 'main' : ''} disabled={!isDone} onClick={nextSheet}>
          Next sheet
        </button>
        <button type="button" disabled={historyLength() === 0} onClick={undo}>
          <kbd>⌫</kbd> Undo
        </button>
        <span class="hint" role="status">
          {problem || (selected.size > 0 ? `${selected.size} selected` : `${open} of ${sheet.length} open`)}
        </span>
        <span class="row hint">
          <label for="grid-size">Pages</label>
          <select
            id="grid-size"
            value={size}
            onChange={(event) => {
              event.currentTarget.blur();
              setSize(event.currentTarget.value);
            }}
          >
            {sheetSizes.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </span>
        <span class="row hint">
          <label for="grid-tile">Size</label>
          <input
            id="grid-tile"
            type="range"
            min="5"
            max="20"
            value={tile}
            onInput={(event) => setTile(event.currentTarget.value)}
          />
        </span>
      </div>
      {zoomed !== undefined && <ZoomDialog pageId={zoomed} onClose={() => setZoomed(undefined)} />}
    </>
  );
}

/** Whether a page's picture is on the screen. */
function isPainted(box: HTMLElement | null, pageId: number): boolean {
  const image = box?.querySelector<HTMLImageElement>(`[data-page="${pageId}"] img`);
  return image?.complete === true && image.naturalWidth > 0;
}

function columnsOf(box: HTMLElement | null): number {
  return box ? getComputedStyle(box).gridTemplateColumns.split(' ').length : 1;
}
