// What the lines and tones of a page say: engraving, halftone, wash or type. Measured on lightness relative to the paper, and relative to
// the page's own contrast, so that a faded print counts like a fresh one.

const GRADIENT_STEPS = [0.03, 0.07, 0.14, 0.26, 0.45] as const;
const ORIENTATIONS = 8;
/** Where one orientation ends and the next begins: odd sixteenths of a half turn. */
const TANGENTS = [1, 3, 5, 7].map((odd) => Math.tan((odd * Math.PI) / (2 * ORIENTATIONS))) as [
  number,
  number,
  number,
  number,
];
const PATTERNS = 10;
const BLOCK_STEPS = [0.015, 0.03, 0.06, 0.12, 0.2] as const;
const OCTAVES = 5;
const TONES = 6;

export const STROKE_DIMS =
  GRADIENT_STEPS.length + 1 + ORIENTATIONS + 1 + 2 * PATTERNS + BLOCK_STEPS.length + 1 + 2 * OCTAVES + TONES + 3;

const root = (share: number) => Math.sqrt(Math.max(0, share));

// Local binary patterns with at most two changes around the circle, by number of set bits; all others share the last bin.
const PATTERN_BIN = Uint8Array.from({ length: 256 }, (_, code) => {
  let ones = 0;
  let changes = 0;
  for (let bit = 0; bit < 8; bit++) {
    ones += (code >> bit) & 1;
    changes += ((code >> bit) & 1) ^ ((code >> ((bit + 1) % 8)) & 1);
  }
  return changes <= 2 ? ones : PATTERNS - 1;
});

/**
 * Writes STROKE_DIMS numbers into `out` from `offset`; returns the next offset. `tone` holds side x side values, 0 the page's ink and 1 its
 * paper.
 */
export function strokeStatistics(tone: Float32Array, side: number, out: Float32Array, offset: number): number {
  const gradients = new Uint32Array(GRADIENT_STEPS.length + 1);
  const orientations = new Float64Array(ORIENTATIONS);
  const patternsFine = new Uint32Array(PATTERNS);
  let horizontal = 0;
  let vertical = 0;
  const [least, second, third, fourth, fifth] = GRADIENT_STEPS;
  const leastSquare = least ** 2;
  for (let y = 1; y < side - 1; y++) {
    const end = (y + 1) * side - 1;
    for (let at = y * side + 1; at < end; at++) {
      const dx = tone[at + 1]! - tone[at - 1]!;
      const dy = tone[at + side]! - tone[at - side]!;
      const square = dx * dx + dy * dy;
      if (square < leastSquare) continue;
      const magnitude = Math.sqrt(square);
      if (magnitude < second) {
        gradients[1]!++;
        continue;
      }
      gradients[magnitude < third ? 2 : magnitude < fourth ? 3 : magnitude < fifth ? 4 : 5]!++;
      const across = dx < 0 ? -dx : dx;
      const along = dy < 0 ? -dy : dy;
      horizontal += across;
      vertical += along;
      // The eighth of a half turn that the angle is nearest to, by its tangent: an arc tangent a pixel is half the cost of this loop.
      const eighths =
        along < across * TANGENTS[1]
          ? along < across * TANGENTS[0]
            ? 0
            : 1
          : along < across * TANGENTS[2]
            ? 2
            : along < across * TANGENTS[3]
              ? 3
              : 4;
      orientations[dx < 0 !== dy < 0 ? (ORIENTATIONS - eighths) % ORIENTATIONS : eighths]! += magnitude;
    }
  }
  const inner = (side - 2) * (side - 2);
  gradients[0] = inner - gradients.reduce((sum, count) => sum + count, 0);
  const half = halveTone(tone, side);
  const edgesFine = countPatterns(tone, side, patternsFine);
  const patternsCoarse = new Uint32Array(PATTERNS);
  const edgesCoarse = countPatterns(half, side / 2, patternsCoarse);

  const blocks = new Uint32Array(BLOCK_STEPS.length + 1);
  const block = 8;
  for (let y = 0; y < side; y += block) {
    for (let x = 0; x < side; x += block) {
      let sum = 0;
      let squares = 0;
      for (let row = 0; row < block; row++) {
        for (let column = 0, at = (y + row) * side + x; column < block; column++, at++) {
          const value = tone[at]!;
          sum += value;
          squares += value * value;
        }
      }
      const mean = sum / (block * block);
      const deviation = Math.sqrt(Math.max(0, squares / (block * block) - mean * mean));
      let bin = 0;
      while (bin < BLOCK_STEPS.length && deviation >= BLOCK_STEPS[bin]!) bin++;
      blocks[bin]!++;
    }
  }

  let to = offset;
  for (const count of gradients) out[to++] = root(count / inner);
  let orientationTotal = 1e-9;
  for (const mass of orientations) orientationTotal += mass;
  for (const mass of orientations) out[to++] = root(mass / orientationTotal);
  out[to++] = (vertical - horizontal) / (vertical + horizontal + 1e-9);
  for (const count of patternsFine) out[to++] = root(count / Math.max(1, edgesFine));
  for (const count of patternsCoarse) out[to++] = root(count / Math.max(1, edgesCoarse));
  const blockCount = (side / block) ** 2;
  for (const count of blocks) out[to++] = root(count / blockCount);

  // Energy that each halving removes: fine hatching and type live in the first octaves, washes and shadows in the last.
  const energies: number[] = [];
  let level = tone;
  let levelSide = side;
  for (let octave = 0; octave < OCTAVES; octave++) {
    const next = octave === 0 ? half : halveTone(level, levelSide);
    let energy = 0;
    for (let y = 0, at = 0; y < levelSide; y++) {
      const row = (y >> 1) * (levelSide >> 1);
      for (let x = 0; x < levelSide; x++, at++) {
        const difference = level[at]! - next[row + (x >> 1)]!;
        energy += difference * difference;
      }
    }
    energies.push(Math.sqrt(energy / (levelSide * levelSide)));
    level = next;
    levelSide >>= 1;
  }
  let energyTotal = 1e-6;
  for (const energy of energies) energyTotal += energy;
  for (const energy of energies) out[to++] = energy * 4;
  for (const energy of energies) out[to++] = energy / energyTotal;

  const tones = new Uint32Array(TONES);
  let mean = 0;
  // By index: iterating over a typed array costs three times as much.
  for (let at = 0; at < tone.length; at++) {
    const value = tone[at]!;
    mean += value;
    tones[value >= 1 ? TONES - 1 : value <= 0 ? 0 : (value * TONES) | 0]!++;
  }
  mean /= tone.length;
  let spread = 0;
  for (let at = 0; at < tone.length; at++) {
    const difference = tone[at]! - mean;
    spread += difference * difference;
  }
  spread = Math.sqrt(spread / tone.length);
  for (const count of tones) out[to++] = root(count / tone.length);
  out[to++] = mean;
  out[to++] = spread * 2;
  // Between 0 for ink and paper alone and 1 for middle tones alone.
  out[to++] = root((tones[2]! + tones[3]!) / Math.max(1, tone.length - tones[TONES - 1]!));
  return to;
}

/** Mean of each 2 x 2 block of a square plane. */
export function halveTone(tone: Float32Array, side: number): Float32Array {
  const half = side >> 1;
  const out = new Float32Array(half * half);
  for (let y = 0, to = 0; y < half; y++) {
    let at = y * 2 * side;
    for (let x = 0; x < half; x++, at += 2)
      out[to++] = (tone[at]! + tone[at + 1]! + tone[at + side]! + tone[at + side + 1]!) / 4;
  }
  return out;
}

// A neighbour counts as brighter only beyond this share of the page's contrast: paper grain and codec noise make no pattern.
const PATTERN_THRESHOLD = 0.06;

/** Patterns of the eight neighbours around each pixel that differs from its neighbourhood; returns how many pixels did. */
function countPatterns(tone: Float32Array, side: number, counts: Uint32Array): number {
  let counted = 0;
  for (let y = 1; y < side - 1; y++) {
    let at = y * side + 1;
    // Three columns slide along the row, so each value is read once a row instead of three times.
    let topLeft = tone[at - side - 1]!;
    let left = tone[at - 1]!;
    let bottomLeft = tone[at + side - 1]!;
    let topMiddle = tone[at - side]!;
    let middle = tone[at]!;
    let bottomMiddle = tone[at + side]!;
    for (let x = 1; x < side - 1; x++, at++) {
      const topRight = tone[at - side + 1]!;
      const right = tone[at + 1]!;
      const bottomRight = tone[at + side + 1]!;
      const limit = middle + PATTERN_THRESHOLD;
      const code =
        (topLeft > limit ? 1 : 0) |
        (topMiddle > limit ? 2 : 0) |
        (topRight > limit ? 4 : 0) |
        (right > limit ? 8 : 0) |
        (bottomRight > limit ? 16 : 0) |
        (bottomMiddle > limit ? 32 : 0) |
        (bottomLeft > limit ? 64 : 0) |
        (left > limit ? 128 : 0);
      if (code !== 0) {
        counts[PATTERN_BIN[code]!]!++;
        counted++;
      }
      topLeft = topMiddle;
      left = middle;
      bottomLeft = bottomMiddle;
      topMiddle = topRight;
      middle = right;
      bottomMiddle = bottomRight;
    }
  }
  return counted;
}
