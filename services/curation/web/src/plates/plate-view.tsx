import { useEffect } from 'preact/hooks';
import { useRoute } from 'preact-iso';
import { PlateDetail } from './plate-detail.tsx';

export function PlateView() {
  const { params } = useRoute();
  const pageId = Number(params.pageId);
  useEffect(() => {
    document.title = `Page ${pageId} · Florilegium`;
  }, [pageId]);
  return (
    <div class="plate-page">
      <PlateDetail key={pageId} pageId={pageId} heading="h1" />
    </div>
  );
}
