import { Picture } from '../design/parts.tsx';
import type { Story } from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';

/** The pages before and after a page in its book. */
export function Neighbours({ pageId, story: known }: { pageId: number; story?: Story | undefined }) {
  const asked = useRest<Story>(known ? undefined : `/v1/pages/${pageId}`);
  const story = known ?? asked.data;
  if (!story) return <div class="neighbours">…</div>;
  const around = [...story.neighbours, { pageId, sequence: story.sequence }].sort((a, b) => a.sequence - b.sequence);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="neighbours" aria-label="Neighbours in the book" tabIndex={0}>
      {around.map((page) => (
        <figure key={page.pageId} data-current={page.pageId === pageId ? '' : undefined}>
          <div class="frame">
            <Picture pageId={page.pageId} size="small" alt={`Leaf ${page.sequence} of the book`} />
          </div>
          <figcaption>{page.pageId === pageId ? 'this page' : `leaf ${page.sequence}`}</figcaption>
        </figure>
      ))}
    </section>
  );
}
