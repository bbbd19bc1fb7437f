import './plates.css';
import { Picture } from '../design/parts.tsx';

export interface StripPage {
  pageId: number;
  title?: string;
  place?: string;
  year?: string;
}

/** A row of plates, each the door to its own view. */
export const PlateStrip = ({ pages, title }: { pages: readonly StripPage[]; title: string }) => (
  <ul class="plain strip" aria-label={title}>
    {pages.map(({ pageId, title: book, place, year }) => (
      <li key={pageId}>
        <a href={`/pages/${pageId}`}>
          <span class="mount">
            <Picture pageId={pageId} size="medium" alt={`Page ${pageId}${book ? ` of ${book}` : ''}`} />
          </span>
          {(place || year) && <span class="small faint">{[place, year].filter(Boolean).join(', ')}</span>}
        </a>
      </li>
    ))}
  </ul>
);
