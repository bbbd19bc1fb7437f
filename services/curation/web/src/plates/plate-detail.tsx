import './plates.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../design/announce.ts';
import { percent } from '../design/format.ts';
import { ProblemNote } from '../design/parts.tsx';
import { saveBlob, waitForImage } from '../rest/rest-client.ts';
import { reuseTitles, type Story } from '../rest/shapes.ts';
import { useRest } from '../rest/use-rest.ts';
import { Neighbours } from './neighbours.tsx';
import { PlateStrip } from './plate-strip.tsx';
import { ZoomPane } from './zoom-pane.tsx';

const similarMax = 12;

/** A plate with all there is to it: zoom, story, citation, download, its neighbours and its like. */
export function PlateDetail({ pageId, heading = 'h2' }: { pageId: number; heading?: 'h1' | 'h2' }) {
  const { data: story, problem, reload } = useRest<Story>(`/v1/pages/${pageId}`);
  const Heading = heading;
  return (
    <div class="plate-detail">
      <div class="plate-zoom">
        <ZoomPane pageId={pageId} />
      </div>
      <div class="plate-story">
        <ProblemNote problem={problem} onRetry={reload} />
        {story && (
          <>
            <p class="eyebrow">{[story.place, story.year].filter(Boolean).join(' · ') || `Page ${pageId}`}</p>
            <Heading>{story.title || `Page ${pageId}`}</Heading>
            {story.authors && <p>{story.authors}</p>}
            <p class="faint small">
              {[story.publicationDetails, story.volume, story.institution].filter(Boolean).join(' · ')}
            </p>
            {story.names.length > 0 && <p class="names">{story.names.join(', ')}</p>}
            {story.parts.map((part) => (
              <p key={part.partId} class="small">
                In:{' '}
                <a href={part.bhlAddress} target="_blank" rel="noreferrer">
                  {part.title}
                </a>
              </p>
            ))}
            <p class="small">
              {!story.rights.startsWith(reuseTitles[story.reuse]) && <b>{reuseTitles[story.reuse]}. </b>}
              {story.rights} {story.license}
            </p>
            <Actions pageId={pageId} story={story} />
            <blockquote class="citation small">{story.citation}</blockquote>
            <details class="small">
              <summary>Before and after it in the book</summary>
              <Neighbours pageId={pageId} story={story} />
            </details>
          </>
        )}
        <Similar pageId={pageId} heading={heading === 'h1' ? 'h2' : 'h3'} />
      </div>
    </div>
  );
}

function Actions({ pageId, story }: { pageId: number; story: Story }) {
  const [problem, setProblem] = useState('');
  const [isFetching, setFetching] = useState(false);
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(story.citation);
      announce('The citation is copied');
    } catch {
      setProblem('The browser does not let the citation be copied; it stands below.');
    }
  };
  const download = async () => {
    setProblem('');
    setFetching(true);
    try {
      const blob = await waitForImage(pageId, 'full', leaving.current.signal);
      saveBlob(blob, `${pageId}.${blob.type.split('/')[1]?.replace('jpeg', 'jpg') ?? 'img'}`);
    } catch (error) {
      if (leaving.current.signal.aborted) return;
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setFetching(false);
  };
  return (
    <>
      <div class="row">
        <button type="button" disabled={isFetching} onClick={download}>
          {isFetching ? 'Fetching it…' : 'Download'}
        </button>
        <button type="button" onClick={copy}>
          Copy citation
        </button>
        <a class="button" href={story.bhlAddress} target="_blank" rel="noreferrer">
          At BHL
        </a>
        <a href={`/pages/${pageId}`}>Link to this plate</a>
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

function Similar({ pageId, heading: Heading }: { pageId: number; heading: 'h2' | 'h3' }) {
  const { data } = useRest<{ pages: { pageId: number; similarity: number }[] }>(
    `/v1/similar?pageId=${pageId}&limit=${similarMax + 1}`,
  );
  const pages = data?.pages.filter((page) => page.pageId !== pageId).slice(0, similarMax) ?? [];
  if (pages.length === 0) return null;
  return (
    <section class="similar">
      <Heading>Similar pages</Heading>
      <PlateStrip
        title="Similar pages"
        pages={pages.map((page) => ({ pageId: page.pageId, place: `${percent(Math.max(0, page.similarity))} alike` }))}
      />
    </section>
  );
}
