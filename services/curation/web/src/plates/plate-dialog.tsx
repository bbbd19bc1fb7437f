import { useEffect, useRef } from 'preact/hooks';
import { whole } from '../design/format.ts';
import { PlateDetail } from './plate-detail.tsx';
import type { PlateSource } from './plate-source.ts';

interface PlateDialogProps {
  plates: PlateSource;
  position: number;
  onMove: (position: number) => void;
  onClose: () => void;
}

/** One plate over the gallery; the arrow keys turn to the next. */
export function PlateDialog({ plates, position, onMove, onClose }: PlateDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const next = useRef<HTMLButtonElement>(null);
  const page = plates.at(position);
  const total = plates.total ?? 0;
  useEffect(() => {
    dialog.current?.showModal();
    next.current?.focus();
  }, []);
  useEffect(() => {
    if (!plates.at(position)) plates.want(position, position + 1);
  }, [position]);
  const turn = (by: number) => {
    const next = position + by;
    if (next >= 0 && next < total) onMove(next);
  };
  return (
    <dialog
      ref={dialog}
      class="zoom plate-dialog"
      aria-label={`Plate ${position + 1} of ${total}`}
      onClose={onClose}
      onKeyDown={(event) => {
        if ((event.target as Element).closest('.zoom-canvas, input')) return;
        if (event.key === 'ArrowRight') turn(1);
        else if (event.key === 'ArrowLeft') turn(-1);
      }}
    >
      <div class="plate-dialog-bar row apart">
        <span>
          {whole(position + 1)} of {whole(total)}
        </span>
        <div class="row">
          <button type="button" disabled={position === 0} onClick={() => turn(-1)}>
            ← Back
          </button>
          <button type="button" ref={next} disabled={position + 1 >= total} onClick={() => turn(1)}>
            Next →
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </div>
      {page ? <PlateDetail key={page.pageId} pageId={page.pageId} /> : <p class="plates-told">…</p>}
    </dialog>
  );
}
