// Plates of a list by their position, fetched in chunks as they come into sight.
import { getRest, Problem } from '../rest/rest-client.ts';
import type { GalleryAnswer, GalleryPage } from './gallery-shapes.ts';

export interface PlateSourceOptions {
  version: number;
  /** As in the address of the gallery's REST route. */
  filter: string;
  onChange: () => void;
}

export type PlateSource = ReturnType<typeof createPlateSource>;

const chunkPlates = 60;
/** 6,000 plates: several screens of the largest display, and some megabytes. */
const chunksMax = 100;
const inFlightMax = 2;
const retryMs = 2_000;

export function createPlateSource({ version, filter, onChange }: PlateSourceOptions) {
  const chunks = new Map<number, GalleryPage[]>();
  const loading = new Set<number>();
  const leaving = new AbortController();
  let wanted: number[] = [];
  let total: number | undefined;
  let problem: Problem | undefined;

  function pump(): void {
    while (loading.size < inFlightMax) {
      const next = wanted.find((chunk) => !chunks.has(chunk) && !loading.has(chunk));
      if (next === undefined) return;
      void load(next);
    }
  }

  async function load(chunk: number): Promise<void> {
    loading.add(chunk);
    try {
      const answer = await getRest<GalleryAnswer>(
        `/v1/hq-lists/${version}/gallery?${filter}&position=${chunk * chunkPlates}&limit=${chunkPlates}`,
        { signal: leaving.signal },
      );
      ({ total } = answer);
      problem = undefined;
      chunks.delete(chunk);
      chunks.set(chunk, answer.pages);
      for (const old of chunks.keys()) {
        if (chunks.size <= chunksMax) break;
        if (!wanted.includes(old)) chunks.delete(old);
      }
    } catch (error) {
      if (leaving.signal.aborted) return;
      problem = error instanceof Problem ? error : new Problem(0, String(error));
      onChange();
      if (!problem.isWorthRepeating) wanted = wanted.filter((one) => one !== chunk);
      else await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    loading.delete(chunk);
    if (leaving.signal.aborted) return;
    onChange();
    pump();
  }

  return {
    /** Positions from and to (exclusive) are in sight; what was wanted before is no more. */
    want: (from: number, to: number) => {
      const first = Math.floor(from / chunkPlates);
      const last = Math.floor(Math.max(from, to - 1) / chunkPlates);
      wanted = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      pump();
    },
    at: (position: number): GalleryPage | undefined =>
      chunks.get(Math.floor(position / chunkPlates))?.[position % chunkPlates],
    get total(): number | undefined {
      return total;
    },
    get problem(): Problem | undefined {
      return problem;
    },
    close: () => leaving.abort(),
  };
}
