import './plates.css';
import { useEffect, useRef } from 'preact/hooks';
import { ZoomPane } from './zoom-pane.tsx';

/** A page at full size, over everything. */
export function ZoomDialog({ pageId, onClose }: { pageId: number; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="zoom"
      aria-label={`Page ${pageId} at full size`}
      onClose={onClose}
      onKeyDown={(event) => {
        if (event.key === 'z') dialog.current?.close();
      }}
    >
      <ZoomPane pageId={pageId} />
      <button type="button" class="zoom-close" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
