import { RASTER_SIDE } from './page-raster.ts';

/** The raster at a smaller side, each pixel the mean of the area that it covers: interleaved RGB, written into `out` from `offset`. */
export function resamplePage(rgb: Uint8Array, side: number, out: Uint8Array, offset: number): void {
  const spans = spansOf(side);
  const row = new Float32Array(RASTER_SIDE * 3);
  for (let y = 0; y < side; y++) {
    row.fill(0);
    for (const { at, share } of spans[y]!) {
      const from = at * RASTER_SIDE * 3;
      for (let value = 0; value < row.length; value++) row[value]! += share * rgb[from + value]!;
    }
    for (let x = 0; x < side; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (const { at, share } of spans[x]!) sum += share * row[at * 3 + channel]!;
        out[offset + (y * side + x) * 3 + channel] = Math.round(sum);
      }
    }
  }
}

type Span = { at: number; share: number }[];
const known = new Map<number, Span[]>();

/** Of each pixel of a side: which of the raster's it covers, and what share of it each is. */
function spansOf(side: number): Span[] {
  const spans =
    known.get(side) ??
    Array.from({ length: side }, (_, index) => {
      const [from, to] = [(index * RASTER_SIDE) / side, ((index + 1) * RASTER_SIDE) / side];
      const span: Span = [];
      for (let at = Math.floor(from); at < to; at++)
        span.push({ at, share: (Math.min(at + 1, to) - Math.max(at, from)) / (to - from) });
      return span;
    });
  known.set(side, spans);
  return spans;
}
