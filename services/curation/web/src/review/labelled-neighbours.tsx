import { useEffect, useRef, useState } from 'preact/hooks';
import { Given, Picture } from '../design/parts.tsx';
import { callRest, getRest, Problem } from '../rest/rest-client.ts';
import type { Label } from '../rest/shapes.ts';

const shownMax = 5;

interface LabelledPage {
  pageId: number;
  label: Label;
}

/** Of so many pages the nearest are looked for. */
const labelledMax = 20_000;
const partMax = 1000;
const freshMs = 60_000;
const retryMs = 2_000;
let kept: { pages: Promise<Map<number, Label>>; until: number } | undefined;

/** The labels of all pages, read once for all cards; those given here in the last minute may be missing. */
function labelledPages(): Promise<Map<number, Label>> {
  if (kept && kept.until > Date.now()) return kept.pages;
  const reading = readLabelled();
  const mine = { pages: reading, until: Date.now() + freshMs };
  kept = mine;
  reading.catch(() => {
    if (kept === mine) kept = undefined;
  });
  return reading;
}

async function readLabelled(): Promise<Map<number, Label>> {
  const labelled = new Map<number, Label>();
  for (let after: number | null = 0; after !== null && labelled.size < labelledMax; ) {
    const part: { labels: LabelledPage[]; next: number | null } = await getRest(
      `/v1/labels?after=${after}&limit=${partMax}`,
    );
    for (const { pageId, label } of part.labels) labelled.set(pageId, label);
    after = part.next;
  }
  return labelled;
}

/** Searches take turns at the server, which turns some away while many wait. */
async function findNearestInTurn(pageId: number, signal: AbortSignal): Promise<Near[]> {
  for (;;) {
    try {
      return await findNearest(pageId, signal);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, error.retryAfterMs ?? retryMs));
      signal.throwIfAborted();
    }
  }
}

async function findNearest(pageId: number, signal: AbortSignal): Promise<Near[]> {
  const labelled = await labelledPages();
  const withinPageIds = [...labelled.keys()].filter((id) => id !== pageId).slice(0, labelledMax);
  if (withinPageIds.length === 0) return [];
  const { pages } = await callRest<{ pages: { pageId: number; similarity: number }[] }>('POST', '/v1/similar', {
    body: { pageId, withinPageIds, countMax: shownMax },
    signal,
  });
  return pages.flatMap(({ pageId: id, similarity }) => {
    const label = labelled.get(id);
    return label ? [{ id, similarity, label }] : [];
  });
}

interface Near {
  id: number;
  similarity: number;
  label: Label;
}

/** The nearest pages that a person has labelled: whether a contradicted label stands alone among its like. */
export function LabelledNeighbours({ pageId }: { pageId: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  // A search over all embeddings each: only for what is about to be seen.
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
      },
      { rootMargin: '300px' },
    );
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const [near, setNearest] = useState<Near[] | undefined>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (!isNear) return;
    const leaving = new AbortController();
    findNearestInTurn(pageId, leaving.signal).then(setNearest, (error: unknown) => {
      if (!leaving.signal.aborted) setProblem(error instanceof Error ? error.message : String(error));
    });
    return () => leaving.abort();
  }, [isNear, pageId]);
  return (
    <div ref={box} class="near">
      <p class="small faint">
        {problem
          ? `The nearest labelled pages cannot be read: ${problem}`
          : near?.length === 0
            ? 'No labelled page has been embedded yet.'
            : 'The nearest labelled pages'}
      </p>
      <ul class="plain near-list">
        {near?.map(({ id, similarity, label }) => (
          <li key={id}>
            <a href={`/pages/${id}`} aria-label={`Page ${id}`}>
              <span class="near-picture">
                <Picture pageId={id} size="medium" alt="" />
              </span>
            </a>
            <span class="small">
              <Given label={label} /> <span class="faint">{similarity.toFixed(2)}</span>
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
