const STRIPS = 4;

/**
 * Where the ink is: pixels darker than `inkBelow`, by row, by column, and by row in each of four strips side by side (`strips` [4, side]); and
 * how many runs of ink each row has. `side` is a multiple of 64.
 */
export function inkProfiles(
  tone: usize,
  side: i32,
  inkBelow: f32,
  rows: usize,
  columns: usize,
  strips: usize,
  runs: usize,
): void {
  const limit = f32x4.splat(inkBelow);
  const strip = side / STRIPS;
  const line = (<usize>side) << 2;
  memory.fill(columns, 0, line);
  for (let y = 0; y < side; y++) {
    let inRow: u32 = 0;
    let runsInRow: u32 = 0;
    let before: u32 = 0;
    let column = columns;
    for (let part = 0; part < STRIPS; part++) {
      let inStrip: u32 = 0;
      for (let x = 0; x < strip; x += 16, tone += 64, column += 64) {
        const a = f32x4.lt(v128.load(tone), limit);
        const b = f32x4.lt(v128.load(tone, 16), limit);
        const c = f32x4.lt(v128.load(tone, 32), limit);
        const d = f32x4.lt(v128.load(tone, 48), limit);
        const bits = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)));
        if (bits === 0) {
          before = 0;
          continue;
        }
        v128.store(column, i32x4.sub(v128.load(column), a));
        v128.store(column, i32x4.sub(v128.load(column, 16), b), 16);
        v128.store(column, i32x4.sub(v128.load(column, 32), c), 32);
        v128.store(column, i32x4.sub(v128.load(column, 48), d), 48);
        inStrip += popcnt<u32>(bits);
        runsInRow += popcnt<u32>(bits & ~((bits << 1) | before));
        before = (bits >> 15) & 1;
      }
      inRow += inStrip;
      store<u32>(strips + <usize>part * line + ((<usize>y) << 2), inStrip);
    }
    store<u32>(rows + ((<usize>y) << 2), inRow);
    store<u32>(runs + ((<usize>y) << 2), runsInRow);
  }
}
