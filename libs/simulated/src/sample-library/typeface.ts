import type { Rgb } from './colour.ts';
import { css } from './colour.ts';

/**
 * A typeface drawn as the strokes of a broad pen, so that the library's pages carry no font of the machine they are drawn
 * on. Glyphs are centre lines on a grid: baseline 0, x-height 46, capitals 68, ascenders 72 up, descenders 20 down. The pen
 * is an ellipse, wider than high, which gives the thick stems and hairlines of old type.
 */
const glyphs: Record<string, [advance: number, strokes: string]> = {
  a: [42, 'M8 -36Q10 -46 20 -46Q32 -46 32 -34L32 -7Q32 0 40 -2M32 -27Q7 -24 7 -11Q7 0 17 0Q27 0 32 -9'],
  b: [46, 'M2 -72L9 -72L9 -1M9 -34Q14 -46 24 -46Q40 -46 40 -23Q40 0 24 0Q14 0 9 -11'],
  c: [40, 'M34 -36Q31 -46 22 -46Q6 -46 6 -23Q6 0 22 0Q32 0 36 -10'],
  d: [47, 'M30 -72L37 -72L37 0L43 0M37 -34Q32 -46 22 -46Q6 -46 6 -23Q6 0 22 0Q32 0 37 -11'],
  e: [41, 'M7 -25L35 -25Q35 -46 22 -46Q6 -46 6 -23Q6 0 22 0Q32 0 36 -10'],
  f: [28, 'M30 -65Q28 -72 21 -72Q12 -72 12 -60L12 0M3 -46L25 -46M5 0L20 0'],
  g: [
    43,
    'M33 -45L41 -46M31 -31Q31 -17 19 -17Q7 -17 7 -31Q7 -46 19 -46Q31 -46 31 -31M12 -18Q4 -10 12 -5L28 -4Q38 -2 36 8Q34 20 19 20Q3 20 4 10Q5 2 14 -2',
  ],
  h: [46, 'M2 -72L9 -72L9 0M9 -34Q14 -46 24 -46Q35 -46 35 -32L35 0M3 0L16 0M29 0L42 0'],
  i: [22, 'M4 -46L11 -46L11 0M4 0L18 0M9 -66L12 -66L12 -63L9 -63L9 -66'],
  j: [22, 'M4 -46L11 -46L11 8Q11 20 1 20M9 -66L12 -66L12 -63L9 -63L9 -66'],
  k: [45, 'M2 -72L9 -72L9 0M3 0L16 0M9 -18L32 -46M17 -27L36 0M26 -46L38 -46M29 0L42 0'],
  l: [22, 'M3 -72L10 -72L10 0M3 0L18 0'],
  m: [
    66,
    'M2 -46L9 -46L9 0M9 -34Q13 -46 22 -46Q33 -46 33 -32L33 0M33 -34Q37 -46 46 -46Q57 -46 57 -32L57 0M3 0L16 0M27 0L40 0M51 0L64 0',
  ],
  n: [46, 'M2 -46L9 -46L9 0M9 -34Q14 -46 24 -46Q35 -46 35 -32L35 0M3 0L16 0M29 0L42 0'],
  o: [44, 'M22 -46Q6 -46 6 -23Q6 0 22 0Q38 0 38 -23Q38 -46 22 -46'],
  p: [46, 'M2 -46L9 -46L9 20M9 -34Q14 -46 24 -46Q40 -46 40 -23Q40 0 24 0Q14 0 9 -11M3 20L17 20'],
  q: [46, 'M37 -46L37 20M30 20L43 20M37 -34Q32 -46 22 -46Q6 -46 6 -23Q6 0 22 0Q32 0 37 -11'],
  r: [33, 'M2 -46L10 -46L10 0M10 -32Q14 -46 24 -46Q29 -46 30 -41M3 0L18 0'],
  s: [35, 'M29 -36Q28 -46 18 -46Q7 -46 7 -35Q7 -26 18 -24Q30 -21 30 -11Q30 0 17 0Q6 0 5 -11'],
  t: [29, 'M12 -58L12 -12Q12 0 20 0Q25 0 27 -6M3 -46L25 -46'],
  u: [46, 'M2 -46L9 -46L9 -14Q9 0 20 0Q30 0 35 -12M29 -46L35 -46L35 0L42 0'],
  v: [43, 'M8 -46L22 0L36 -46M2 -46L15 -46M30 -46L41 -46'],
  w: [62, 'M8 -46L20 0L31 -40L43 0L55 -46M2 -46L15 -46M49 -46L60 -46'],
  x: [43, 'M8 -46L35 0M35 -46L8 0M2 -46L15 -46M28 -46L41 -46M2 0L15 0M28 0L41 0'],
  y: [43, 'M8 -46L23 0M36 -46L20 10Q16 20 6 19M2 -46L15 -46M30 -46L41 -46'],
  z: [39, 'M6 -36L7 -46L33 -46L6 0L33 0L35 -11'],
  A: [66, 'M10 0L33 -68L56 0M18 -23L48 -23M2 0L18 0M47 0L65 0'],
  B: [60, 'M12 -68L12 0M3 -68L32 -68Q49 -68 49 -52Q49 -37 32 -37L12 -37M32 -37Q54 -37 54 -19Q54 0 32 0L3 0'],
  C: [62, 'M54 -48Q50 -69 32 -69Q7 -69 7 -34Q7 1 32 1Q50 1 56 -18'],
  D: [68, 'M12 -68L12 0M3 -68L32 -68Q61 -68 61 -34Q61 0 32 0L3 0'],
  E: [58, 'M12 -68L12 0M3 -68L50 -68L51 -52M12 -36L36 -36M36 -44L36 -28M3 0L52 0L54 -18'],
  F: [54, 'M12 -68L12 0M3 -68L49 -68L50 -52M12 -35L36 -35M36 -43L36 -27M3 0L22 0'],
  G: [68, 'M55 -48Q51 -69 33 -69Q7 -69 7 -34Q7 1 33 1Q48 1 57 -8L57 -28M46 -28L66 -28'],
  H: [72, 'M12 -68L12 0M59 -68L59 0M12 -36L59 -36M3 -68L21 -68M3 0L21 0M50 -68L68 -68M50 0L68 0'],
  I: [30, 'M15 -68L15 0M5 -68L25 -68M5 0L25 0'],
  J: [40, 'M25 -68L25 -14Q25 3 12 3Q4 3 4 -6M15 -68L35 -68'],
  K: [66, 'M12 -68L12 0M3 -68L21 -68M3 0L21 0M12 -26L50 -68M26 -41L56 0M42 -68L58 -68M46 0L64 0'],
  L: [56, 'M12 -68L12 0M3 -68L21 -68M3 0L49 0L51 -20'],
  M: [82, 'M12 -68L12 0M12 -68L40 -4L68 -68L68 0M3 -68L14 -68M4 0L20 0M66 -68L78 -68M59 0L78 0'],
  N: [70, 'M12 -68L12 0M12 -68L57 0L57 -68M3 -68L14 -68M4 0L20 0M48 -68L66 -68'],
  O: [68, 'M34 -69Q7 -69 7 -34Q7 1 34 1Q61 1 61 -34Q61 -69 34 -69'],
  P: [56, 'M12 -68L12 0M3 -68L32 -68Q52 -68 52 -49Q52 -30 32 -30L12 -30M3 0L22 0'],
  Q: [68, 'M34 -69Q7 -69 7 -34Q7 1 34 1Q61 1 61 -34Q61 -69 34 -69M34 -8Q46 12 62 10'],
  R: [64, 'M12 -68L12 0M3 -68L32 -68Q50 -68 50 -51Q50 -35 32 -35L12 -35M32 -35L54 0M3 0L22 0M48 0L62 0'],
  S: [52, 'M43 -50Q41 -69 25 -69Q9 -69 9 -53Q9 -40 25 -36Q45 -31 45 -16Q45 1 25 1Q9 1 7 -18'],
  T: [60, 'M30 -68L30 0M6 -52L7 -68L53 -68L54 -52M20 0L40 0'],
  U: [68, 'M13 -68L13 -24Q13 1 35 1Q56 1 56 -24L56 -68M4 -68L22 -68M48 -68L65 -68'],
  V: [64, 'M10 -68L32 0L54 -68M2 -68L18 -68M47 -68L62 -68'],
  W: [90, 'M10 -68L28 0L45 -62L62 0L80 -68M2 -68L18 -68M73 -68L88 -68'],
  X: [64, 'M10 -68L54 0M53 -68L10 0M2 -68L18 -68M46 -68L62 -68M2 0L18 0M46 0L62 0'],
  Y: [60, 'M9 -68L30 -32L30 0M52 -68L30 -32M1 -68L17 -68M45 -68L59 -68M20 0L40 0'],
  Z: [56, 'M8 -52L9 -68L48 -68L7 0L48 0L50 -18'],
  0: [44, 'M22 -62Q6 -62 6 -31Q6 0 22 0Q38 0 38 -31Q38 -62 22 -62'],
  1: [36, 'M8 -52L20 -62L20 0M9 0L31 0'],
  2: [42, 'M7 -48Q8 -62 20 -62Q34 -62 34 -47Q34 -32 7 0L35 0L37 -10'],
  3: [42, 'M8 -52Q10 -62 21 -62Q33 -62 33 -48Q33 -34 17 -34Q36 -34 36 -17Q36 0 19 0Q7 0 6 -12'],
  4: [44, 'M30 0L30 -62L5 -19L41 -19M22 0L38 0'],
  5: [42, 'M33 -62L11 -62L9 -34Q14 -39 21 -39Q36 -39 36 -20Q36 0 19 0Q7 0 6 -12'],
  6: [43, 'M34 -60Q8 -54 7 -22Q7 0 22 0Q37 0 37 -19Q37 -37 22 -37Q9 -37 7 -20'],
  7: [40, 'M6 -50L7 -62L36 -62Q20 -34 17 0'],
  8: [
    43,
    'M21 -62Q8 -62 8 -48Q8 -36 21 -33Q37 -29 37 -16Q37 0 21 0Q6 0 6 -16Q6 -29 21 -33Q34 -37 34 -48Q34 -62 21 -62',
  ],
  9: [43, 'M9 -2Q35 -8 36 -40Q36 -62 21 -62Q6 -62 6 -43Q6 -25 21 -25Q34 -25 36 -42'],
  '.': [20, 'M7 -5L10 -5L10 -2L7 -2L7 -5'],
  ',': [20, 'M7 -5L10 -5L10 -2L7 -2L7 -5M10 -3Q10 5 6 9'],
  ';': [22, 'M8 -42L11 -42L11 -39L8 -39L8 -42M8 -5L11 -5L11 -2L8 -2L8 -5M11 -3Q11 5 7 9'],
  ':': [22, 'M8 -42L11 -42L11 -39L8 -39L8 -42M8 -5L11 -5L11 -2L8 -2L8 -5'],
  '-': [28, 'M5 -20L23 -20'],
  '—': [60, 'M3 -20L57 -20'],
  "'": [16, 'M8 -70L7 -56'],
  '(': [26, 'M20 -74Q7 -55 7 -28Q7 -3 20 14'],
  ')': [26, 'M6 -74Q19 -55 19 -28Q19 -3 6 14'],
  '&': [
    66,
    'M58 -38Q44 0 24 0Q7 0 7 -16Q7 -30 24 -38Q38 -45 38 -56Q38 -68 28 -68Q18 -68 18 -56Q18 -46 50 -8Q56 0 64 -3',
  ],
  '*': [34, 'M17 -70L17 -46M7 -64L27 -52M27 -64L7 -52'],
  '♂': [44, 'M18 -32Q6 -32 6 -18Q6 -4 18 -4Q30 -4 30 -18Q30 -32 18 -32M26 -28L40 -46M30 -46L40 -46L40 -35'],
  '♀': [40, 'M20 -56Q8 -56 8 -43Q8 -30 20 -30Q32 -30 32 -43Q32 -56 20 -56M20 -30L20 0M11 -14L29 -14'],
};

/** Combining marks, as a decomposed letter carries them, over the x-height. */
const marks: Record<string, string> = {
  '\u0300': 'M14 -66L24 -54',
  '\u0301': 'M28 -66L18 -54',
  '\u0302': 'M12 -54L21 -66L30 -54',
  '\u0303': 'M10 -56Q16 -66 21 -60Q26 -54 32 -64',
  '\u0308': 'M13 -61L13 -59M29 -61L29 -59',
  '\u0327': 'M22 0Q28 8 18 13',
};

interface Outline {
  advance: number;
  parts: (string | number)[];
}

const outlines = new Map<string, Outline>();
for (const [character, [advance, strokes]] of Object.entries(glyphs))
  outlines.set(character, outline(advance, strokes));
for (const [mark, strokes] of Object.entries(marks)) outlines.set(mark, outline(0, strokes));

function outline(advance: number, strokes: string): Outline {
  const parts = [...strokes.matchAll(/[MLQ]|-?\d+/g)].map(([part]) => (/[MLQ]/.test(part) ? part : Number(part)));
  return { advance, parts };
}

export interface TypeStyle {
  /** Height of a line's em in pixels; capitals are 0.68 of it. */
  size: number;
  /** Slope to the right, 0 upright, 0.25 italic. */
  slant?: number;
  /** Stroke of a stem as a share of the size; 0.1 is text, 0.16 is fat type. */
  weight?: number;
  /** Extra space between letters as a share of the size. */
  track?: number;
}

const spaceAdvance = 25;

/** Pixels that `text` takes when set in `style`. */
export function textWidth(text: string, style: TypeStyle): number {
  let width = 0;
  for (const character of text.normalize('NFD')) {
    const advance = outlines.get(character)?.advance;
    if (advance === 0) continue;
    width += (advance ?? spaceAdvance) / 100 + (style.track ?? 0);
  }
  return width * style.size;
}

/** SVG path data of a line of text whose baseline starts at (x, y), in the pen's stretched coordinates: see `penPath`. */
export function setLine(text: string, x: number, y: number, style: TypeStyle): string {
  const unit = style.size / 100;
  const slant = style.slant ?? 0;
  const font = cut(style.size, slant);
  let pen = x;
  let path = '';
  let before = x;
  for (const character of text.normalize('NFD')) {
    const glyph = outlines.get(character);
    if (!glyph) {
      pen += spaceAdvance * unit + (style.track ?? 0) * style.size;
      continue;
    }
    let strokes = font.get(character);
    if (strokes === undefined) {
      strokes = relativePath(glyph.parts, unit, slant);
      font.set(character, strokes);
    }
    path += `M${Math.round(((glyph.advance === 0 ? before : pen) / penStretch) * 100) / 100} ${Math.round(y * 100) / 100}${strokes}`;
    if (glyph.advance === 0) continue;
    before = pen;
    pen += glyph.advance * unit + (style.track ?? 0) * style.size;
  }
  return path;
}

/** Glyphs already cut at a size and slope: setting a page of 2,500 letters then only places ready strokes. */
const fonts = new Map<string, Map<string, string>>();
const fontsMax = 200;

function cut(size: number, slant: number): Map<string, string> {
  const key = `${size}/${slant}`;
  let font = fonts.get(key);
  if (!font) {
    if (fonts.size >= fontsMax) fonts.clear();
    font = new Map();
    fonts.set(key, font);
  }
  return font;
}

/** The glyph as relative path commands from its origin on the baseline. */
function relativePath(parts: readonly (string | number)[], unit: number, slant: number): string {
  let path = '';
  let [fromX, fromY] = [0, 0];
  for (let at = 0; at < parts.length; ) {
    const command = parts[at++] as string;
    const points = command === 'Q' ? 2 : 1;
    path += command.toLowerCase();
    let [x, y] = [0, 0];
    for (let point = 0; point < points; point++) {
      const gx = parts[at++] as number;
      const gy = parts[at++] as number;
      x = Math.round(((gx - gy * slant) * unit * 100) / penStretch) / 100;
      y = Math.round(gy * unit * 100) / 100;
      path += `${point > 0 ? ' ' : ''}${Math.round((x - fromX) * 100) / 100} ${Math.round((y - fromY) * 100) / 100}`;
    }
    [fromX, fromY] = [x, y];
  }
  return path;
}

const penStretch = 2.1;

/** The SVG element that inks lines set by `setLine`: stretching the drawing widens the round pen to an ellipse. */
export function penPath(d: string, style: TypeStyle, colour: Rgb): string {
  const width = Math.max(0.28, (style.size * (style.weight ?? 0.1)) / penStretch);
  return `<path transform="scale(${penStretch} 1)" d="${d}" fill="none" stroke="${css(colour)}" stroke-width="${Math.round(width * 100) / 100}" stroke-linejoin="bevel"/>`;
}

export function textElement(
  text: string,
  at: { x: number; y: number; anchor?: 'start' | 'middle' | 'end' },
  style: TypeStyle,
  colour: Rgb,
): string {
  const width = textWidth(text, style);
  const x = at.anchor === 'middle' ? at.x - width / 2 : at.anchor === 'end' ? at.x - width : at.x;
  return penPath(setLine(text, x, at.y, style), style, colour);
}
