import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb, white } from '../colour.ts';
import { ellipse, lerp, type Placement, type Point, pathOf, place, smooth } from '../geometry.ts';
import type { Sheet } from '../press.ts';
import type { Box } from './plant.ts';

interface Pattern {
  ground: Rgb;
  border: Rgb;
  mark: Rgb;
  eyespots: boolean;
  bands: boolean;
  veined: boolean;
  tailed: boolean;
  fore: number;
  hind: number;
  borderShare: number;
}

const grounds: readonly (readonly [Rgb, Rgb, Rgb])[] = [
  [hsl(28, 0.85, 0.52), hsl(20, 0.4, 0.14), hsl(45, 0.7, 0.85)],
  [hsl(212, 0.7, 0.55), hsl(225, 0.4, 0.14), hsl(200, 0.6, 0.85)],
  [hsl(54, 0.82, 0.64), hsl(30, 0.4, 0.16), hsl(18, 0.8, 0.5)],
  [hsl(40, 0.25, 0.93), hsl(0, 0.05, 0.16), hsl(15, 0.75, 0.5)],
  [hsl(12, 0.7, 0.4), hsl(20, 0.3, 0.1), hsl(215, 0.6, 0.6)],
  [hsl(28, 0.36, 0.42), hsl(24, 0.4, 0.22), hsl(42, 0.55, 0.74)],
  [hsl(150, 0.4, 0.5), hsl(160, 0.4, 0.13), hsl(60, 0.6, 0.8)],
  [hsl(285, 0.35, 0.42), hsl(265, 0.4, 0.13), hsl(45, 0.7, 0.7)],
];

/** A collector's drawer: set specimens in rows, the top one often larger. */
export function drawButterflies(sheet: Sheet, random: Random, box: Box): Point[] {
  const columns = random.pick([1, 2, 2, 3]);
  const rows = columns === 1 ? random.int(2, 3) : random.int(3, 4);
  const centres: Point[] = [];
  const shared = random.chance(0.4) ? inventPattern(random) : undefined;
  for (let row = 0; row < rows; row++) {
    const alone = columns > 1 && (row === 0 || (row === rows - 1 && random.chance(0.4)));
    const inRow = alone ? 1 : columns;
    for (let column = 0; column < inRow; column++) {
      const cell = box.width / inRow;
      const cellHeight = box.height / rows;
      const centre: Point = [box.x + cell * (column + 0.5), box.y + cellHeight * (row + 0.5)];
      const span = Math.min(cell * 0.46, cellHeight * 0.58, box.width * 0.33) * random.range(0.85, 1);
      const pattern = shared ? { ...shared, ground: dip(random, shared.ground, 14) } : inventPattern(random);
      drawButterfly(
        sheet,
        random,
        place({ x: centre[0], y: centre[1], scale: span, rotate: random.normal() * 0.03 }),
        span,
        pattern,
      );
      centres.push([centre[0], centre[1] + cellHeight * 0.47]);
    }
  }
  return centres;
}

function inventPattern(random: Random): Pattern {
  const [ground, border, mark] = random.pick(grounds);
  return {
    ground: dip(random, ground, 10),
    border,
    mark,
    eyespots: random.chance(0.55),
    bands: random.chance(0.45),
    veined: random.chance(0.6),
    tailed: random.chance(0.3),
    fore: random.range(0.85, 1.15),
    hind: random.range(0.8, 1.1),
    borderShare: random.range(0.08, 0.24),
  };
}

function drawButterfly(sheet: Sheet, random: Random, put: Placement, span: number, pattern: Pattern): void {
  const { fore, hind } = pattern;
  const foreWing: Point[] = [
    [0.03, -0.1],
    [0.3, -0.42 * fore],
    [0.7, -0.68 * fore],
    [0.95, -0.66 * fore],
    [0.97, -0.5 * fore],
    [0.82, -0.24],
    [0.66, -0.04],
    [0.34, 0.04],
    [0.04, 0.04],
  ];
  const hindWing: Point[] = [
    [0.03, 0.0],
    [0.32, 0.0],
    [0.66, 0.06],
    [0.78, 0.26 * hind],
    [0.68, 0.48 * hind],
    ...(pattern.tailed
      ? ([
          [0.62, 0.56 * hind],
          [0.58, 0.86 * hind],
          [0.5, 0.84 * hind],
          [0.5, 0.6 * hind],
        ] as Point[])
      : []),
    [0.46, 0.62 * hind],
    [0.26, 0.56 * hind],
    [0.1, 0.36 * hind],
    [0.04, 0.14],
  ];
  for (const side of [-1, 1]) {
    const sided: Placement = ([x, y]) => put([x * side, y]);
    wing(sheet, random, sided, hindWing, [0.05, 0.06], pattern, span, [0.46, 0.3 * hind]);
    wing(sheet, random, sided, foreWing, [0.05, -0.02], pattern, span, [0.62, -0.34 * fore]);
  }
  const fur = mix(pattern.border, pattern.ground, 0.3);
  sheet.shape(
    ellipse([0, 0], 1, 1, 0, 12).map(([x, y]) => put([x * 0.045, y * 0.13 + 0.02])),
    { colour: fur, hatchAngle: 0, depth: 0.8 },
  );
  sheet.shape(
    ellipse([0, 0], 1, 1, 0, 12).map(([x, y]) => put([x * 0.034, y * 0.2 + 0.32])),
    { colour: mix(fur, white, 0.15), hatchAngle: 0, depth: 0.8 },
  );
  sheet.shape(
    ellipse([0, 0], 1, 1, 0, 10).map(([x, y]) => put([x * 0.036, y * 0.036 - 0.13])),
    { colour: fur, hatched: false },
  );
  for (const side of [-1, 1]) {
    const feeler = [put([side * 0.015, -0.15]), put([side * 0.1, -0.36]), put([side * 0.24, -0.55])];
    sheet.line(feeler, { width: 0.9 });
    sheet.dots([feeler[2]!], Math.max(0.8, span * 0.014), pattern.border);
  }
}

function wing(
  sheet: Sheet,
  random: Random,
  put: Placement,
  points: readonly Point[],
  root: Point,
  pattern: Pattern,
  span: number,
  spot: Point,
): void {
  const inwards = (point: Point, share: number): Point => [
    lerp(point[0], root[0], share),
    lerp(point[1], root[1], share),
  ];
  const at = (share: number) => points.map((point) => put(inwards(point, share)));
  sheet.shape(at(0), { colour: pattern.border, depth: 0.35, hatchAngle: 0.5 });
  const inner = points.map((point) => put(inwards(point, pattern.borderShare * (point[0] > 0.5 ? 1.15 : 0.5))));
  sheet.shape(inner, {
    colour: pattern.ground,
    depth: 0.75,
    light: Math.atan2(put([0, 0])[1] - put(spot)[1], put([0, 0])[0] - put(spot)[0]),
    hatchAngle: 0.9,
    outline: 0.3,
  });
  if (pattern.bands) {
    const band = smooth(points, true, 3).filter(([x]) => x > 0.3);
    const outer = band.map((point) => put(inwards(point, 0.36)));
    const back = band.map((point) => put(inwards(point, 0.47))).reverse();
    sheet.shape([...outer, ...back], {
      colour: mix(pattern.mark, pattern.ground, 0.2),
      exact: true,
      hatched: false,
      depth: 0.3,
      outline: 0.2,
    });
  }
  if (pattern.veined || sheet.press.technique === 'engraving') {
    let veins = '';
    for (const point of smooth(points, true, 2))
      if (point[0] > 0.35) veins += pathOf([put(inwards(root, 0)), put(inwards(point, 0.05))], false);
    sheet.strokes(veins, { width: 0.6, colour: pattern.border, opacity: 0.75 });
  }
  const dots = smooth(points, true, 3)
    .filter(([x], index) => x > 0.6 && index % 2 === 0)
    .map((point) => put(inwards(point, pattern.borderShare * 0.5)));
  sheet.dots(dots, Math.max(0.6, span * 0.02), pattern.mark);
  if (pattern.eyespots) {
    const centre = put(spot);
    const radius = span * 0.085 * random.range(0.9, 1.1);
    sheet.shape(ellipse(centre, radius, radius, 0, 12), {
      colour: pattern.mark,
      hatched: false,
      depth: 0.2,
      outline: 0.5,
    });
    sheet.shape(ellipse(centre, radius * 0.62, radius * 0.62, 0, 10), {
      colour: pattern.border,
      hatched: false,
      depth: 0,
      outline: 0,
    });
    sheet.dots([[centre[0] - radius * 0.15, centre[1] - radius * 0.15]], radius * 0.2, [244, 244, 250]);
  }
}
