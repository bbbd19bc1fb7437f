import './collage.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { counted } from '../design/format.ts';
import { Empty, Field, ProblemNote, ProgressBar, View } from '../design/parts.tsx';
import { getRest, saveBlob, waitForImage } from '../rest/rest-client.ts';
import { type HqList, reuseTitles } from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';
import { layCollage } from './collage-layout.ts';
import { filterOf } from './gallery-filter.ts';
import type { GalleryAnswer, GalleryPage } from './gallery-shapes.ts';
import { ReuseChoice } from './reuse-choice.tsx';

const formats = {
  '3:2': [2400, 1600],
  '1:1': [2000, 2000],
  '16:9': [2560, 1440],
  '2:3': [1600, 2400],
  A3: [3508, 2480],
} as const;
type Format = keyof typeof formats;
const grounds = { paper: '#f6f2e7', white: '#ffffff', ink: '#171613', moss: '#26362b' } as const;
type Ground = keyof typeof grounds;
const imagesInFlightMax = 5;
/** Pixels of a medium image: what is laid wider is fetched large. */
const mediumWidth = 465;
const pageRatio = 0.7;

/** Plates side by side on one sheet, to keep. What it is made of stands in the address, so the same address makes the same sheet. */
export function CollageView() {
  const { query, route } = useLocation();
  const { data, problem } = useRest<{ hqLists: HqList[] }>('/v1/hq-lists');
  const lists = data?.hqLists.filter(({ pageCount }) => (pageCount ?? 0) > 0) ?? [];
  const version = Number(query.list ?? lists.at(-1)?.version ?? 0);
  const choice = {
    count: query.count ?? '40',
    format: (query.format !== undefined && query.format in formats ? query.format : '3:2') as Format,
    ground: (query.ground !== undefined && query.ground in grounds ? query.ground : 'paper') as Ground,
    seed: query.seed ?? '1',
    title: query.title ?? '',
    name: query.name ?? '',
    yearMin: query.yearMin ?? '',
    yearMax: query.yearMax ?? '',
    reuse: query.reuse ?? '',
    heading: query.heading ?? '',
  };
  const change = (changes: Partial<typeof choice> & { list?: string }) => {
    const next = new URLSearchParams({ list: String(version), ...choice, ...changes });
    for (const [name, value] of [...next]) if (value === '') next.delete(name);
    route(`/collage?${next}`, true);
  };
  return (
    <View
      title="Collage"
      eyebrow="Plates to keep"
      intro="Draw plates of a list by lot, lay them on one sheet, take it home."
    >
      <ProblemNote problem={problem} />
      {data && lists.length === 0 ? (
        <Empty title="A collage needs a list">
          <p>
            The first list comes after an iteration. <a href="/lists">To the lists</a>
          </p>
        </Empty>
      ) : (
        <div class="collage">
          <form class="sheet collage-form" onSubmit={(event) => event.preventDefault()}>
            <Field label="List">
              {(id) => (
                <select
                  id={id}
                  value={String(version)}
                  onChange={(event) => change({ list: event.currentTarget.value })}
                >
                  {lists.map((list) => (
                    <option key={list.version} value={String(list.version)}>
                      List {list.version}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Field label="Plates">
              {(id) => (
                <input
                  id={id}
                  type="number"
                  min="2"
                  max="200"
                  value={choice.count}
                  onChange={(event) => change({ count: event.currentTarget.value })}
                />
              )}
            </Field>
            <Field label="Format">
              {(id) => (
                <select
                  id={id}
                  value={choice.format}
                  onChange={(event) => change({ format: event.currentTarget.value as Format })}
                >
                  {Object.keys(formats).map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              )}
            </Field>
            <Field label="Ground">
              {(id) => (
                <select
                  id={id}
                  value={choice.ground}
                  onChange={(event) => change({ ground: event.currentTarget.value as Ground })}
                >
                  {Object.keys(grounds).map((name) => (
                    <option key={name}>{name}</option>
                  ))}
                </select>
              )}
            </Field>
            <Field label="Heading">
              {(id) => (
                <input
                  id={id}
                  value={choice.heading}
                  maxLength={80}
                  onChange={(event) => change({ heading: event.currentTarget.value })}
                />
              )}
            </Field>
            <Field label="Words of title or author">
              {(id) => (
                <input
                  id={id}
                  type="search"
                  value={choice.title}
                  onChange={(event) => change({ title: event.currentTarget.value })}
                />
              )}
            </Field>
            <Field label="Scientific name">
              {(id) => (
                <input
                  id={id}
                  type="search"
                  value={choice.name}
                  onChange={(event) => change({ name: event.currentTarget.value })}
                />
              )}
            </Field>
            <div class="columns" style={{ '--column': '5rem' }}>
              {(
                [
                  ['yearMin', 'From year'],
                  ['yearMax', 'To year'],
                ] as const
              ).map(([name, title]) => (
                <Field key={name} label={title}>
                  {(id) => (
                    <input
                      id={id}
                      type="search"
                      inputMode="numeric"
                      pattern="[0-9]{0,4}"
                      size={6}
                      value={choice[name]}
                      onChange={(event) =>
                        event.currentTarget.reportValidity() && change({ [name]: event.currentTarget.value })
                      }
                    />
                  )}
                </Field>
              ))}
            </div>
            <ReuseChoice chosen={choice.reuse} onChange={(reuse) => change({ reuse })} />
            <button type="button" onClick={() => change({ seed: String(1 + Math.floor(Math.random() * 1_000_000)) })}>
              Draw others
            </button>
          </form>
          {version > 0 && <Sheet version={version} {...choice} />}
        </div>
      )}
    </View>
  );
}

interface SheetProps {
  version: number;
  count: string;
  format: Format;
  ground: Ground;
  seed: string;
  title: string;
  name: string;
  yearMin: string;
  yearMax: string;
  reuse: string;
  heading: string;
}

function Sheet({ version, count, format, ground, seed, title, name, yearMin, yearMax, reuse, heading }: SheetProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [credits, setCredits] = useState<GalleryPage[]>([]);
  const [progress, setProgress] = useState({ done: 0, total: 0, problem: '' });
  const [width, height] = formats[format];
  useEffect(() => {
    const leaving = new AbortController();
    const paint = async () => {
      const wanted = Math.max(2, Math.min(200, Number(count) || 40));
      setProgress({ done: 0, total: wanted, problem: '' });
      const filter = filterOf({ order: 'shuffle', seed, title, name, yearMin, yearMax, reuse });
      filter.set('limit', String(wanted));
      const { pages } = await getRest<GalleryAnswer>(`/v1/hq-lists/${version}/gallery?${filter}`, {
        signal: leaving.signal,
      });
      const room = roomOf({ width, height, heading });
      // As wide as it will be laid, by the shape of its page; those whose shape is not known are taken for pages.
      const laid = layCollage(
        pages.map((page) => (page.width && page.height ? page.width / page.height : pageRatio)),
        room,
      );
      const pictures: ImageBitmap[] = [];
      const shown: GalleryPage[] = [];
      const queue = pages.map(({ pageId }, index) => ({ pageId, index }));
      const placed: (ImageBitmap | undefined)[] = pages.map(() => undefined);
      let done = 0;
      const work = async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          const { width: wide } = laid[next.index] as { width: number };
          const size = wide > mediumWidth ? 'large' : 'medium';
          const blob = await waitForImage(next.pageId, size, leaving.signal)
            .catch(() => waitForImage(next.pageId, 'medium', leaving.signal))
            .catch(() => undefined);
          if (leaving.signal.aborted) return;
          // One that cannot be decoded is left out, like one that cannot be had.
          placed[next.index] = blob && (await createImageBitmap(blob).catch(() => undefined));
          setProgress({ done: ++done, total: pages.length, problem: '' });
        }
      };
      await Promise.all(Array.from({ length: imagesInFlightMax }, work));
      for (const [index, picture] of placed.entries()) {
        if (!picture) continue;
        pictures.push(picture);
        shown.push(pages[index] as GalleryPage);
      }
      if (leaving.signal.aborted || !canvas.current) return;
      if (pictures.length === 0) {
        setProgress({ done: 0, total: 0, problem: 'no plate fits' });
        return;
      }
      setCredits(shown);
      await document.fonts.ready;
      draw(canvas.current, pictures, {
        width,
        height,
        room,
        ground: grounds[ground],
        heading,
        isDark: ground === 'ink' || ground === 'moss',
      });
      for (const picture of pictures) picture.close();
    };
    paint().catch((error: unknown) => {
      if (!leaving.signal.aborted)
        setProgress({ done: 0, total: 0, problem: error instanceof Error ? error.message : String(error) });
    });
    return () => leaving.abort();
  }, [version, count, format, ground, seed, title, name, yearMin, yearMax, reuse, heading]);
  const save = (type: string, extension: string) =>
    canvas.current?.toBlob(
      (blob) => blob && saveBlob(blob, `florilegium-v${version}-${seed}.${extension}`),
      type,
      0.92,
    );
  const isPainting = progress.total > 0 && progress.done < progress.total;
  return (
    <div class="collage-sheet">
      <ProblemNote problem={progress.problem} />
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label={`A collage of ${counted(progress.done, 'plate')} of list ${version}`}
      />
      {isPainting && <ProgressBar title="Plates" done={progress.done} total={progress.total} />}
      <div class="row">
        <button type="button" class="main" disabled={isPainting} onClick={() => save('image/png', 'png')}>
          Save as PNG
        </button>
        <button type="button" disabled={isPainting} onClick={() => save('image/webp', 'webp')}>
          Save as WebP
        </button>
        <button
          type="button"
          disabled={isPainting || credits.length === 0}
          onClick={() =>
            saveBlob(
              new Blob([`${credits.map(creditOf).join('\n')}\n`], { type: 'text/plain' }),
              `florilegium-v${version}-${seed}-credits.txt`,
            )
          }
        >
          Save the credits
        </button>
        <span class="faint small">
          {width} × {height} pixels
        </span>
      </div>
      {credits.length > 0 && (
        <details class="small">
          <summary>
            Whose plates these are
            {credits.some(({ reuse: allowed }) => allowed === 'attribution') && '; some are free with the maker named'}
          </summary>
          <ol class="credits">
            {credits.map((page) => (
              <li key={page.pageId}>
                {page.citation || `Page ${page.pageId}`}{' '}
                <a href={page.bhlAddress} target="_blank" rel="noreferrer">
                  At BHL
                </a>{' '}
                <span class="faint">{reuseTitles[page.reuse]}</span>
              </li>
            ))}
          </ol>
        </details>
      )}
    </div>
  );
}

const creditOf = ({ pageId, citation, bhlAddress, reuse, rights, license }: GalleryPage): string =>
  [citation || `Page ${pageId}`, bhlAddress, reuseTitles[reuse], rights, license].filter(Boolean).join(' · ');

interface Room {
  width: number;
  height: number;
  gap: number;
  margin: number;
  headingHeight: number;
}

/** Where plates go on a sheet. */
function roomOf({ width, height, heading }: { width: number; height: number; heading: string }): Room {
  const margin = Math.round(Math.min(width, height) * 0.035);
  const headingHeight = heading ? Math.round(height * 0.085) : 0;
  return {
    width: width - 2 * margin,
    height: height - 2 * margin - headingHeight,
    gap: Math.round(margin * 0.35),
    margin,
    headingHeight,
  };
}

interface Ink {
  width: number;
  height: number;
  ground: string;
  room: Room;
  heading: string;
  isDark: boolean;
}

function draw(
  canvas: HTMLCanvasElement,
  pictures: ImageBitmap[],
  { width, height, ground, room, heading, isDark }: Ink,
): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const { margin, headingHeight } = room;
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  const laid = layCollage(
    pictures.map((picture) => picture.width / picture.height),
    room,
  );
  for (const [index, { x, y, width: wide, height: tall }] of laid.entries()) {
    const picture = pictures[index] as ImageBitmap;
    context.drawImage(picture, margin + x, margin + headingHeight + y, wide, tall);
  }
  if (!heading) return;
  context.fillStyle = isDark ? '#ece5d5' : '#26241f';
  context.font = `italic 500 ${Math.round(headingHeight * 0.62)}px "EB Garamond Variable", Georgia, serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(heading, width / 2, margin + headingHeight * 0.4, width - 2 * margin);
}
