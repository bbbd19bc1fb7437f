import { useEffect, useRef, useState } from 'preact/hooks';
import { sentence } from '../design/format.ts';
import { keyHeaders, Problem, request } from '../rest/rest-client.ts';

const waitMs = 3_000;
const attemptsMax = 20;

/**
 * OpenSeadragon adds a style of its own, which the page's policy stops, unless it finds a `style` with this mark. One in a
 * namespace that no browser knows is found, and is no style.
 */
function keepOutStyle(): void {
  if (document.querySelector('style[data-openseadragon-mobile-css]')) return;
  const mark = document.createElementNS('urn:florilegium', 'style');
  mark.setAttribute('data-openseadragon-mobile-css', '');
  document.head.append(mark);
}

/** A page's largest image, by tiles of fetcher's IIIF Image API. Wheel, pinch, drag, and the keys + - and arrows. */
export function ZoomPane({ pageId }: { pageId: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [told, setTold] = useState('Fetching the full size…');
  useEffect(() => {
    const leaving = new AbortController();
    let destroy = () => {};
    const open = async () => {
      const [{ default: openSeadragon }, info] = await Promise.all([
        import('openseadragon'),
        readInfo(pageId, leaving.signal),
      ]);
      if (leaving.signal.aborted || !box.current) return;
      keepOutStyle();
      const viewer = openSeadragon({
        element: box.current,
        drawer: 'canvas',
        // As a tile source it may be its info.json; behind a gateway the service may not know its own address.
        tileSources: [{ ...info, id: `${location.origin}/iiif/3/${pageId}` } as unknown as string],
        showNavigationControl: false,
        gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
        animationTime: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 0.4,
        maxZoomPixelRatio: 4,
        visibilityRatio: 0.6,
        crossOriginPolicy: false,
        loadTilesWithAjax: Object.keys(keyHeaders()).length > 0,
        ajaxHeaders: keyHeaders(),
      });
      viewer.addOnceHandler('tile-drawn', () => setTold(''));
      viewer.addHandler('open-failed', () => setTold('The full size cannot be shown.'));
      destroy = () => viewer.destroy();
    };
    setTold('Fetching the full size…');
    open().catch((error: unknown) => {
      if (!leaving.signal.aborted) setTold(sentence(error instanceof Error ? error.message : String(error)));
    });
    return () => {
      leaving.abort();
      destroy();
    };
  }, [pageId]);
  return (
    <div class="zoom-pane">
      <div class="zoom-canvas" ref={box} />
      {told && (
        <p class="zoom-told" role="status">
          {told}
        </p>
      )}
    </div>
  );
}

async function readInfo(pageId: number, signal: AbortSignal): Promise<Record<string, unknown>> {
  for (let attempt = 1; ; attempt++) {
    const response = await request('GET', `/iiif/3/${pageId}/info.json`, { timeoutMs: 30_000, signal });
    if (response.status !== 202) return (await response.json()) as Record<string, unknown>;
    if (attempt === attemptsMax) throw new Problem(504, 'the full size has not come yet; try again in a while');
    const retryAfterMs = Number(response.headers.get('retry-after')) * 1000;
    await new Promise((resolve) => setTimeout(resolve, retryAfterMs > 0 ? retryAfterMs : waitMs));
  }
}
