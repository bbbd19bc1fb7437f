export interface Laid {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * Lays pictures of the given ratios (width by height) in rows that fill a sheet: each row as wide as the sheet, all rows
 * together scaled to its height and centred. The number of rows is the one whose rows come nearest to that height without a
 * picture being cut.
 */
export function layCollage(
  ratios: readonly number[],
  { width, height, gap }: { width: number; height: number; gap: number },
): Laid[] {
  if (ratios.length === 0) return [];
  let best: { rows: number[][]; tall: number } | undefined;
  for (let count = 1; count <= ratios.length; count++) {
    const rows = intoRows(ratios, count);
    const tall = rows.reduce((sum, row) => sum + rowHeight(row, ratios, width, gap), 0) + gap * (rows.length - 1);
    if (!best || Math.abs(tall - height) < Math.abs(best.tall - height)) best = { rows, tall };
  }
  const { rows, tall } = best as { rows: number[][]; tall: number };
  const scale = Math.min(1, height / tall);
  const left = (width - width * scale) / 2;
  let y = (height - tall * scale) / 2;
  const laid: Laid[] = [];
  for (const row of rows) {
    const high = rowHeight(row, ratios, width, gap) * scale;
    let x = left;
    for (const index of row) {
      const wide = (ratios[index] as number) * high;
      laid[index] = { x, y, width: wide, height: high };
      x += wide + gap * scale;
    }
    y += high + gap * scale;
  }
  return laid;
}

/** Consecutive pictures in rows of about the same sum of ratios. */
function intoRows(ratios: readonly number[], count: number): number[][] {
  const share = ratios.reduce((sum, ratio) => sum + ratio, 0) / count;
  const rows: number[][] = Array.from({ length: count }, () => []);
  let sum = 0;
  for (const [index, ratio] of ratios.entries()) {
    const row = Math.min(count - 1, Math.floor((sum + ratio / 2) / share));
    rows[row]?.push(index);
    sum += ratio;
  }
  return rows.filter((row) => row.length > 0);
}

function rowHeight(row: readonly number[], ratios: readonly number[], width: number, gap: number): number {
  const sum = row.reduce((total, index) => total + (ratios[index] as number), 0);
  return (width - gap * (row.length - 1)) / sum;
}
