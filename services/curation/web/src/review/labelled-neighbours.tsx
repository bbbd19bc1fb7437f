import { useEffect, useRef, useState } from 'preact/hooks';
import { Given, Picture } from '../design/parts.tsx';
import type { Label } from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';

const askedFor = 60;
const shownMax = 5;

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
  const { data: similar } = useRest<{ pages: { pageId: number; similarity: number }[] }>(
    isNear ? `/v1/similar?pageId=${pageId}&limit=${askedFor}` : undefined,
  );
  const others = similar?.pages.filter((page) => page.pageId !== pageId) ?? [];
  const { data: current } = useRest<{ labels: { pageId: number; label: Label }[] }>(
    others.length > 0 ? `/v1/labels/current?${others.map((page) => `pageId=${page.pageId}`).join('&')}` : undefined,
  );
  const labelOf = new Map(current?.labels.map((one) => [one.pageId, one.label]));
  const labelled = others.flatMap(({ pageId: id, similarity }) => {
    const label = labelOf.get(id);
    return label ? [{ id, similarity, label }] : [];
  });
  return (
    <div ref={box} class="near">
      <p class="small faint">
        {current && labelled.length === 0 ? 'No labelled page is near.' : 'The nearest labelled pages'}
      </p>
      <ul class="plain near-list">
        {labelled.slice(0, shownMax).map(({ id, similarity, label }) => (
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
