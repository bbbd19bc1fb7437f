import './gallery.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation, useRoute } from 'preact-iso';
import { counted, whole } from '../design/format.ts';
import { Picture, ProblemNote } from '../design/parts.tsx';
import { useRest } from '../rest/use-rest.ts';
import { filterNames, filterOf } from './gallery-filter.ts';
import type { Facets, GalleryPage } from './gallery-shapes.ts';
import { PlateDialog } from './plate-dialog.tsx';
import { createPlateSource, type PlateSource } from './plate-source.ts';
import { ReuseChoice } from './reuse-choice.tsx';
import { useOwnTurn } from './use-own-turn.ts';

const orders = [
  ['shuffle', 'Shuffled'],
  ['year', 'By year'],
  ['probability', 'The surest first'],
  ['page', 'By PageID'],
] as const;

const titlesShown = 6;
const filterLengthMax = 200;
/** As much of a title as a filter takes, by whole words. */
const wordsOf = (title: string): string =>
  title.length <= filterLengthMax ? title : title.slice(0, title.lastIndexOf(' ', filterLengthMax));

export function GalleryView() {
  const { params } = useRoute();
  const { query, route } = useLocation();
  const version = Number(params.version);
  const filter = filterOf(query).toString();
  const facetFilter = new URLSearchParams(filter);
  facetFilter.delete('order');
  facetFilter.delete('seed');
  const { data: facets } = useRest<Facets>(`/v1/hq-lists/${version}/gallery/facets?${facetFilter}`);
  const address = (changes: Record<string, string | undefined>) => {
    const next = new URLSearchParams();
    for (const name of [...filterNames, 'plate']) {
      const value = name in changes ? changes[name] : query[name];
      if (value) next.set(name, value);
    }
    const text = next.toString();
    return `/gallery/${version}${text ? `?${text}` : ''}`;
  };
  const change = (changes: Record<string, string | undefined>) =>
    route(address({ plate: undefined, ...changes }), true);
  useEffect(() => {
    document.title = `Gallery of list ${version} · Florilegium`;
  }, [version]);
  return (
    <div class="gallery">
      <GalleryBar version={version} query={query} facets={facets} change={change} />
      <Plates
        key={`${version} ${filter}`}
        version={version}
        filter={filter}
        open={query.plate === undefined ? undefined : Number(query.plate)}
        onOpen={(position) => route(address({ plate: String(position) }), query.plate !== undefined)}
        onClose={() => route(address({ plate: undefined }), true)}
      />
    </div>
  );
}

/** A collage of what the filter leaves. */
function collageAddress(version: number, query: Record<string, string | undefined>): string {
  const address = new URLSearchParams({ list: String(version) });
  for (const name of filterNames) {
    const value = query[name];
    if (value && name !== 'order') address.set(name, value);
  }
  return `/collage?${address}`;
}

interface BarProps {
  version: number;
  query: Record<string, string | undefined>;
  facets: Facets | undefined;
  change: (changes: Record<string, string | undefined>) => void;
}

function GalleryBar({ version, query, facets, change }: BarProps) {
  const [isOpen, setOpen] = useState(false);
  const order = query.order ?? 'shuffle';
  const most = Math.max(1, ...(facets?.decades.map(({ count }) => count) ?? []));
  return (
    <div class="gallery-bar">
      <div class="row apart">
        <h1>Gallery</h1>
        <div class="row">
          <label for="order" class="unseen">
            Order
          </label>
          <select id="order" value={order} onChange={(event) => change({ order: event.currentTarget.value })}>
            {orders.map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
          {order === 'shuffle' && (
            <button
              type="button"
              onClick={() => change({ order: 'shuffle', seed: String(1 + Math.floor(Math.random() * 1_000_000)) })}
            >
              Shuffle anew
            </button>
          )}
          <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Filter
          </button>
          <a class="button" href={collageAddress(version, query)}>
            Make a collage
          </a>
          <a href={`/lists/${version}`}>List {version}</a>
        </div>
      </div>
      {isOpen && (
        <div class="gallery-filter columns" style={{ '--column': '14rem' }}>
          <Filter name="title" title="Words of title or author" query={query} change={change} />
          <Filter name="name" title="Scientific name" query={query} change={change} />
          <div class="row low">
            <Filter name="yearMin" title="From year" query={query} change={change} inputMode="numeric" />
            <Filter name="yearMax" title="To year" query={query} change={change} inputMode="numeric" />
          </div>
          <ReuseChoice chosen={query.reuse ?? ''} counts={facets?.reuse} onChange={(reuse) => change({ reuse })} />
          {facets && facets.titles.length > 1 && (
            <div class="books">
              <span class="small faint">Books with most of them</span>
              <ul class="plain">
                {facets.titles.slice(0, titlesShown).map(({ titleId, title, count }) => (
                  <li key={titleId} class="small">
                    <button type="button" class="link" title={title} onClick={() => change({ title: wordsOf(title) })}>
                      {title}
                    </button>{' '}
                    <span class="faint">({whole(count)})</span>
                  </li>
                ))}
              </ul>
            </div>
          )}
          {facets && facets.decades.length > 1 && (
            <div class="decades">
              <span class="small faint">By decade</span>
              <ul class="plain">
                {facets.decades.map(({ decade, count }) => (
                  <li key={decade}>
                    <button
                      type="button"
                      class="quiet"
                      title={`${decade}s: ${whole(count)}`}
                      aria-label={`${decade}s, ${whole(count)} plates`}
                      onClick={() => change({ yearMin: String(decade), yearMax: String(decade + 9) })}
                    >
                      <i style={{ height: `${(100 * count) / most}%` }} />
                    </button>
                  </li>
                ))}
              </ul>
              <span class="small faint row apart">
                <span>{facets.decades[0]?.decade}</span>
                <span>{facets.decades.at(-1)?.decade}</span>
              </span>
            </div>
          )}
          <button type="button" onClick={() => change({ title: '', name: '', yearMin: '', yearMax: '', reuse: '' })}>
            Show all again
          </button>
        </div>
      )}
    </div>
  );
}

interface FilterProps {
  name: string;
  title: string;
  query: Record<string, string | undefined>;
  change: BarProps['change'];
  inputMode?: 'search' | 'numeric';
}

function Filter({ name, title, query, change, inputMode = 'search' }: FilterProps) {
  return (
    <div class="field">
      <label for={`filter-${name}`}>{title}</label>
      <input
        id={`filter-${name}`}
        type="search"
        inputMode={inputMode}
        value={query[name] ?? ''}
        onChange={(event) => change({ [name]: event.currentTarget.value.trim() })}
      />
    </div>
  );
}

interface PlatesProps {
  version: number;
  filter: string;
  /** Position of the plate that is open. */
  open: number | undefined;
  onOpen: (position: number) => void;
  onClose: () => void;
}

const tileWidth = 210;
const captionHeight = 44;
const gap = 18;
const rowsBeyond = 2;
/** Rows a frame beyond which only empty mounts are drawn until the scrolling slows down. */
const fastRows = 3;
const settleMs = 90;

function Plates({ version, filter, open, onOpen, onClose }: PlatesProps) {
  const box = useRef<HTMLDivElement>(null);
  const source = useRef<PlateSource | undefined>(undefined);
  const [, setTurn] = useState(0);
  const [view, setView] = useState({ width: 0, height: 0, top: 0, isFast: false });
  const [at, setAt] = useState(0);
  if (!source.current)
    source.current = createPlateSource({ version, filter, onChange: () => setTurn((turn) => turn + 1) });
  const plates = source.current;
  const total = plates.total ?? 0;
  const columns = Math.max(2, Math.floor((view.width + gap) / (tileWidth + gap)));
  const width = (view.width - gap * (columns - 1)) / columns;
  const rowHeight = Math.round(width * 1.36) + captionHeight + gap;
  const rowCount = Math.ceil(total / columns);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let frame = 0;
    let settle: ReturnType<typeof setTimeout> | undefined;
    let topBefore = element.scrollTop;
    const read = (isFast: boolean) =>
      setView({ width: element.clientWidth - 2 * gap, height: element.clientHeight, top: element.scrollTop, isFast });
    const onScroll = () => {
      if (frame !== 0) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        const moved = Math.abs(element.scrollTop - topBefore);
        topBefore = element.scrollTop;
        clearTimeout(settle);
        settle = setTimeout(() => read(false), settleMs);
        read(moved > fastRows * 300);
      });
    };
    const observer = new ResizeObserver(() => read(false));
    observer.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    plates.want(0, 60);
    return () => {
      element.removeEventListener('scroll', onScroll);
      observer.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(settle);
      plates.close();
    };
  }, []);

  const firstRow = Math.max(0, Math.floor(view.top / rowHeight) - rowsBeyond);
  const lastRow = Math.min(rowCount, Math.ceil((view.top + view.height) / rowHeight) + rowsBeyond);
  const from = firstRow * columns;
  const to = Math.min(total, lastRow * columns);
  useEffect(() => {
    if (!view.isFast && to > from) plates.want(from, to);
  }, [from, to, view.isFast]);

  const focusOn = (position: number) => {
    const next = Math.max(0, Math.min(total - 1, position));
    setAt(next);
    const row = Math.floor(next / columns);
    const element = box.current;
    if (!element) return;
    const top = row * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight - element.clientHeight;
    requestAnimationFrame(() =>
      requestAnimationFrame(() =>
        element.querySelector<HTMLElement>(`[data-position="${next}"]`)?.focus({ preventScroll: true }),
      ),
    );
  };
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    Home: -total,
    End: total,
  };

  const positions = Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
  // Rows of which at least half is in sight.
  const firstSeen = Math.min(total, Math.round(view.top / rowHeight) * columns + 1);
  const lastSeen = Math.max(firstSeen, Math.min(total, Math.round((view.top + view.height) / rowHeight) * columns));
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys move from plate to plate */}
      <div
        class="plates"
        ref={box}
        onKeyDown={(event) => {
          const step = steps[event.key];
          if (step === undefined || !(event.target as Element).closest('[data-position]')) return;
          event.preventDefault();
          focusOn(at + step);
        }}
      >
        {/* Within the box, which must stay for what listens to its size and its scrolling. */}
        {plates.total === undefined && <ProblemNote problem={plates.problem} onRetry={() => plates.want(0, 60)} />}
        {plates.total === 0 ? (
          <p class="faint plates-told">No plate fits this filter.</p>
        ) : (
          <div class="plates-room" style={{ height: `${rowCount * rowHeight}px` }}>
            {positions.map((position) => (
              <Plate
                key={position}
                position={position}
                page={plates.at(position)}
                isFast={view.isFast}
                isTabStop={position === Math.min(Math.max(at, from), Math.max(from, to - 1))}
                x={(position % columns) * (width + gap)}
                y={Math.floor(position / columns) * rowHeight}
                width={width}
                height={rowHeight - gap}
                onOpen={() => {
                  setAt(position);
                  onOpen(position);
                }}
              />
            ))}
          </div>
        )}
      </div>
      <p class="plates-count small" role="status">
        {plates.total === undefined
          ? plates.problem
            ? ''
            : 'Looking for plates…'
          : `${whole(firstSeen)}–${whole(lastSeen)} of ${counted(total, 'plate')}`}
      </p>
      {open !== undefined && plates.total !== undefined && open < total && (
        <PlateDialog
          plates={plates}
          position={open}
          onMove={onOpen}
          onClose={() => {
            onClose();
            focusOn(open);
          }}
        />
      )}
    </>
  );
}

function PictureInTurn({ page }: { page: GalleryPage }) {
  const isMine = useOwnTurn();
  return isMine ? <Picture pageId={page.pageId} size="medium" alt={page.place || `Page ${page.pageId}`} /> : null;
}

interface PlateProps {
  position: number;
  page: GalleryPage | undefined;
  isFast: boolean;
  isTabStop: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
  onOpen: () => void;
}

function Plate({ position, page, isFast, isTabStop, x, y, width, height, onOpen }: PlateProps) {
  return (
    <button
      type="button"
      class="plate"
      data-position={position}
      tabIndex={isTabStop ? 0 : -1}
      style={{ transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` }}
      title={page?.title}
      onClick={onOpen}
    >
      <span class="plate-mount">{page && !isFast && <PictureInTurn key={page.pageId} page={page} />}</span>
      <span class="plate-caption small">
        {page ? (
          <>
            <i>{page.title || `Page ${page.pageId}`}</i>
            <span class="faint">{[page.place, page.year].filter(Boolean).join(', ')}</span>
          </>
        ) : (
          <span class="unseen">Plate {position + 1}</span>
        )}
      </span>
    </button>
  );
}
