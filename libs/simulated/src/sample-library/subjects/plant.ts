import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb, white } from '../colour.ts';
import { along, ellipse, lerp, type Point, pathOf, polar, ribbon, smooth, tendril } from '../geometry.ts';
import type { Sheet } from '../press.ts';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

type LeafKind = 'lance' | 'ovate' | 'lobed' | 'serrate' | 'linear' | 'pinnate';
type FlowerKind = 'open' | 'daisy' | 'bell' | 'lily' | 'raceme' | 'rose' | 'orchid' | 'umbel' | 'fruit';

interface Species {
  leaf: LeafKind;
  flower: FlowerKind;
  leafColour: Rgb;
  stemColour: Rgb;
  petal: Rgb;
  heart: Rgb;
  petals: number;
  petalWidth: number;
  notched: boolean;
  leafLength: number;
  leafWidth: number;
  opposite: boolean;
}

const petalHues: readonly Rgb[] = [
  hsl(345, 0.72, 0.6),
  hsl(4, 0.75, 0.5),
  hsl(50, 0.88, 0.55),
  hsl(28, 0.88, 0.55),
  hsl(268, 0.45, 0.56),
  hsl(222, 0.55, 0.55),
  hsl(318, 0.5, 0.58),
  hsl(340, 0.5, 0.8),
  hsl(52, 0.5, 0.88),
  hsl(10, 0.65, 0.68),
  hsl(285, 0.4, 0.42),
];

function inventSpecies(random: Random): Species {
  const flower = random.pick<FlowerKind>([
    'open',
    'open',
    'daisy',
    'bell',
    'lily',
    'raceme',
    'rose',
    'orchid',
    'umbel',
    'fruit',
  ]);
  const leafColour = hsl(random.range(72, 138), random.range(0.24, 0.48), random.range(0.32, 0.46));
  const petal = random.pick(petalHues);
  return {
    leaf:
      flower === 'lily'
        ? random.pick(['linear', 'lance'])
        : random.pick(['lance', 'ovate', 'lobed', 'serrate', 'pinnate', 'linear']),
    flower,
    leafColour,
    stemColour: mix(leafColour, hsl(random.range(20, 90), 0.35, 0.45), 0.45),
    petal: dip(random, petal, 8),
    heart: random.pick([hsl(46, 0.85, 0.52), hsl(30, 0.6, 0.35), hsl(75, 0.5, 0.5), hsl(345, 0.6, 0.35)]),
    petals: random.pick([4, 5, 5, 6, 8]),
    petalWidth: random.range(0.4, 0.95),
    notched: random.chance(0.35),
    leafLength: random.range(0.16, 0.28),
    leafWidth: random.range(0.22, 0.5),
    opposite: random.chance(0.45),
  };
}

/** A flowering plant, its stem rising through the box, its flowers above, with leaves, buds and sometimes its root. */
export function drawPlant(sheet: Sheet, random: Random, box: Box): void {
  const species = inventSpecies(random);
  const { width, height } = box;
  const size = Math.min(width * 1.35, height);
  const rooted = random.chance(0.3);
  const base: Point = [box.x + width * random.range(0.42, 0.58), box.y + height * (rooted ? 0.86 : 0.97)];
  const lean = random.range(-0.16, 0.16);
  const stemLength = height * (rooted ? 0.6 : 0.7);
  const stem = smooth(tendril(random, base, -Math.PI / 2 + lean, stemLength, -lean * 2.6, 7), false, 5);
  const stemWidth = size * random.range(0.009, 0.017);
  const branches: { spine: Point[]; width: number; flower: number }[] = [];
  const branchCount = species.flower === 'lily' ? random.int(0, 1) : random.int(1, 4);
  for (let branch = 0; branch < branchCount; branch++) {
    const t = lerp(0.3, 0.82, (branch + random.range(0.2, 0.8)) / Math.max(1, branchCount));
    const side = branch % 2 === 0 ? 1 : -1;
    const start = along(stem, t);
    const length = size * random.range(0.16, 0.3) * (1.15 - t * 0.4);
    const spine = smooth(
      tendril(random, start.point, start.angle + side * random.range(0.5, 0.85), length, -side * 0.5, 6),
      false,
      4,
    );
    branches.push({ spine, width: stemWidth * 0.62, flower: random.range(0.6, 0.85) });
  }

  if (rooted) drawRoot(sheet, random, base, size, species);
  for (const { spine, width: branchWidth } of branches) drawStem(sheet, spine, branchWidth, species);
  drawStem(sheet, stem, stemWidth, species);

  const nodes = random.int(5, 8);
  for (let node = 0; node < nodes; node++) {
    const t = lerp(0.06, 0.74, node / (nodes - 1));
    const { point, angle } = along(stem, t);
    const grown = size * species.leafLength * lerp(1.1, 0.55, t) * random.range(0.85, 1.15);
    const sides = species.opposite ? [1, -1] : [node % 2 === 0 ? 1 : -1];
    for (const side of sides)
      drawLeaf(sheet, random, point, angle + side * random.range(0.65, 1.15), grown, species, side);
  }
  for (const { spine } of branches)
    for (let node = 0; node < 2; node++) {
      const { point, angle } = along(spine, 0.25 + node * 0.35);
      const side = node % 2 === 0 ? 1 : -1;
      drawLeaf(
        sheet,
        random,
        point,
        angle + side * random.range(0.6, 1),
        size * species.leafLength * random.range(0.5, 0.7),
        species,
        side,
      );
    }

  for (const { spine, flower } of branches) {
    const tip = along(spine, 1);
    if (random.chance(0.3)) drawBud(sheet, random, tip.point, tip.angle, size * 0.05, species);
    else drawFlower(sheet, random, tip.point, tip.angle, size * 0.105 * flower, species);
  }
  const top = along(stem, 1);
  drawFlower(sheet, random, top.point, top.angle, size * random.range(0.1, 0.14), species);
}

/** A single flower seen large, for vignettes and title pages. */
export function drawSprig(sheet: Sheet, random: Random, box: Box): void {
  const species = inventSpecies(random);
  const base: Point = [box.x + box.width * 0.35, box.y + box.height * 0.95];
  const size = Math.min(box.width, box.height) * 1.15;
  const stem = smooth(tendril(random, base, -1.15, size * 0.62, -0.4, 6), false, 5);
  drawStem(sheet, stem, size * 0.016, species);
  for (let node = 0; node < 4; node++) {
    const { point, angle } = along(stem, 0.12 + node * 0.2);
    const side = node % 2 === 0 ? 1 : -1;
    drawLeaf(sheet, random, point, angle + side * 0.9, size * 0.3, species, side);
  }
  const tip = along(stem, 1);
  drawFlower(sheet, random, tip.point, tip.angle, size * 0.17, species);
}

function drawStem(sheet: Sheet, spine: readonly Point[], width: number, species: Species): void {
  sheet.shape(ribbon(spine, width, width * 0.5), {
    colour: species.stemColour,
    exact: true,
    hatched: true,
    hatchAngle: 0.1,
    light: Math.PI,
    depth: 0.7,
  });
}

function drawLeaf(
  sheet: Sheet,
  random: Random,
  from: Point,
  angle: number,
  length: number,
  species: Species,
  side: number,
): void {
  if (species.leaf === 'pinnate') {
    const rachis = smooth(tendril(random, from, angle, length * 1.3, side * 0.5, 6), false, 4);
    sheet.line(rachis, { exact: true, colour: species.stemColour, width: 1.6 });
    const pairs = 4;
    for (let pair = 1; pair <= pairs; pair++) {
      const at = along(rachis, pair / pairs);
      for (const turn of pair === pairs ? [0.7, -0.7, 0] : [0.9, -0.9])
        blade(
          sheet,
          random,
          at.point,
          at.angle + turn,
          length * 0.42,
          { ...species, leaf: 'ovate', leafWidth: 0.45 },
          side,
        );
    }
    return;
  }
  blade(sheet, random, from, angle, length * (species.leaf === 'linear' ? 1.35 : 1), species, side);
}

function blade(
  sheet: Sheet,
  random: Random,
  from: Point,
  angle: number,
  length: number,
  species: Species,
  side: number,
): void {
  const petiole = species.leaf === 'linear' ? 0.01 : 0.12;
  const midrib = smooth(tendril(random, from, angle, length, side * random.range(0.2, 0.9), 7), false, 3);
  const steps = 22;
  const leftSide: Point[] = [];
  const rightSide: Point[] = [];
  const halfWidth =
    length * (species.leaf === 'linear' ? 0.05 : species.leaf === 'lobed' ? 0.42 : species.leafWidth * 0.5);
  for (let step = 0; step <= steps; step++) {
    const t = step / steps;
    const on = along(midrib, petiole + (1 - petiole) * t);
    let width = halfWidth * profile(species.leaf, t);
    if (species.leaf === 'serrate') width *= 0.88 + 0.16 * (step % 2);
    if (species.leaf === 'lobed') width *= 0.4 + 0.6 * Math.abs(Math.sin(t * Math.PI * 3.1 + 0.35));
    leftSide.push(polar(on.point, on.angle + Math.PI / 2, width * random.range(0.95, 1.05)));
    rightSide.push(polar(on.point, on.angle - Math.PI / 2, width * random.range(0.95, 1.05) * 0.92));
  }
  const colour = dip(random, species.leafColour, 7);
  const rib = midrib;
  if (petiole > 0.05) sheet.line(rib.slice(0, 5), { exact: true, colour: species.stemColour, width: 1.8 });
  const spine = Array.from(
    { length: steps + 1 },
    (_, step) => along(midrib, petiole + (1 - petiole) * (step / steps)).point,
  );
  const lit = side > 0 ? leftSide : rightSide;
  const shaded = side > 0 ? rightSide : leftSide;
  sheet.shape([...lit, ...[...spine].reverse()], {
    colour: mix(colour, [238, 240, 190], 0.22),
    exact: true,
    hatched: false,
    depth: 0.35,
    outline: 0.8,
  });
  sheet.shape([...shaded, ...[...spine].reverse()], {
    colour: mix(colour, [20, 44, 40], 0.16),
    exact: true,
    hatchAngle: angle + 0.9,
    depth: 0.5,
    outline: 0.8,
  });
  let veins = pathOf(spine, false);
  if (species.leaf !== 'linear')
    for (let step = 3; step < steps - 2; step += 3)
      for (const [edge, ahead] of [
        [leftSide, 3],
        [rightSide, 3],
      ] as const) {
        const tip = edge[Math.min(steps, step + ahead)]!;
        const root = spine[step]!;
        veins += pathOf([root, [lerp(root[0], tip[0], 0.86), lerp(root[1], tip[1], 0.86)]], false);
      }
  sheet.strokes(veins, {
    width: 0.55,
    colour: sheet.press.technique === 'coloured' ? mix(colour, [16, 30, 22], 0.5) : undefined,
    opacity: 0.8,
  });
}

function profile(kind: LeafKind, t: number): number {
  if (kind === 'linear') return Math.min(1, t * 8) * Math.sqrt(1 - t);
  if (kind === 'lance') return Math.sin(Math.PI * t ** 0.8) ** 0.9;
  if (kind === 'lobed') return Math.sin(Math.PI * (0.08 + 0.92 * t ** 0.75)) ** 0.6;
  return Math.sin(Math.PI * t ** 0.62) ** 0.8;
}

function drawBud(sheet: Sheet, random: Random, at: Point, angle: number, size: number, species: Species): void {
  petal(sheet, random, at, angle, size * 1.7, 0.5, dip(random, species.petal), false);
  for (const turn of [-0.35, 0.35])
    petal(sheet, random, at, angle + turn, size * 0.95, 0.35, species.leafColour, false);
}

function drawFlower(sheet: Sheet, random: Random, at: Point, angle: number, size: number, species: Species): void {
  const { petal: colour, heart } = species;
  const tilt = random.range(0.62, 1);
  switch (species.flower) {
    case 'daisy': {
      const rays = random.int(13, 21);
      ring(sheet, random, at, size, rays, 0.24, colour, tilt, angle, false);
      disc(sheet, random, at, size * 0.3, heart, tilt);
      return;
    }
    case 'rose': {
      for (let layer = 0; layer < 4; layer++) {
        const share = 1 - layer * 0.23;
        ring(
          sheet,
          random,
          at,
          size * share,
          6 - layer,
          1.05,
          mix(colour, [120, 20, 30], layer * 0.1),
          tilt,
          angle + layer * 0.5,
          false,
        );
      }
      disc(sheet, random, at, size * 0.13, heart, 1);
      return;
    }
    case 'bell': {
      const count = random.int(2, 4);
      for (let bell = 0; bell < count; bell++) {
        const hang = polar(at, angle + Math.PI + (bell - count / 2) * 0.9, size * 0.55 * bell);
        const down = Math.PI / 2 + random.range(-0.5, 0.5);
        for (const turn of [-0.34, 0.34, -0.12, 0.14])
          petal(sheet, random, hang, down + turn, size * 1.15, 0.42, dip(random, colour), false);
        petal(sheet, random, hang, down - 0.5, size * 0.42, 0.3, species.leafColour, false);
        petal(sheet, random, hang, down + 0.5, size * 0.42, 0.3, species.leafColour, false);
      }
      return;
    }
    case 'lily': {
      ring(sheet, random, at, size * 1.35, 3, 0.5, mix(colour, [60, 20, 20], 0.12), tilt, angle + 0.5, false);
      ring(sheet, random, at, size * 1.35, 3, 0.62, colour, tilt, angle + 0.5 + Math.PI / 3, false);
      for (let stamen = 0; stamen < 6; stamen++) {
        const line = tendril(random, at, angle + (stamen - 2.5) * 0.22, size * 0.85, 0.3, 5);
        sheet.line(line, { colour: mix(heart, white, 0.3), width: 0.9 });
        sheet.dots([line.at(-1)!], size * 0.045, heart);
      }
      return;
    }
    case 'raceme': {
      const florets = random.int(14, 24);
      const axis = smooth(tendril(random, at, angle, size * 2.3, 0.25, 6), false, 4);
      sheet.line(axis, { exact: true, colour: species.stemColour, width: 1.4 });
      for (let floret = 0; floret < florets; floret++) {
        const t = floret / florets;
        const on = along(axis, t);
        const side = floret % 2 === 0 ? 1 : -1;
        const centre = polar(on.point, on.angle + side * 1.4, size * 0.34 * (1 - t * 0.7));
        ring(
          sheet,
          random,
          centre,
          size * 0.3 * (1.05 - t * 0.65),
          5,
          0.8,
          dip(random, colour, 12),
          0.8,
          angle + floret,
          false,
        );
        sheet.dots([centre], size * 0.045, heart);
      }
      return;
    }
    case 'umbel': {
      const rays = random.int(8, 12);
      for (let ray = 0; ray < rays; ray++) {
        const spoke = tendril(
          random,
          at,
          angle + lerp(-1, 1, ray / (rays - 1)),
          size * random.range(0.85, 1.1),
          0.1,
          4,
        );
        sheet.line(spoke, { colour: species.stemColour, width: 1 });
        for (let floret = 0; floret < 4; floret++) {
          const centre = polar(spoke.at(-1)!, random.range(0, 6.3), size * 0.14);
          ring(sheet, random, centre, size * 0.15, 5, 0.9, dip(random, colour, 12), 1, floret, false);
        }
      }
      return;
    }
    case 'orchid': {
      ring(sheet, random, at, size * 1.15, 3, 0.6, mix(colour, white, 0.2), 1, -Math.PI / 2, false);
      petal(sheet, random, at, -0.25, size * 1.1, 0.95, colour, false);
      petal(sheet, random, at, Math.PI + 0.25, size * 1.1, 0.95, colour, false);
      const lip = petal(sheet, random, at, Math.PI / 2, size * 0.95, 1.1, mix(heart, colour, 0.35), true);
      sheet.dots(
        lip.filter((_, index) => index % 5 === 0).map(([x, y]) => [lerp(x, at[0], 0.4), lerp(y, at[1], 0.4)]),
        size * 0.04,
        hsl(345, 0.6, 0.3),
      );
      disc(sheet, random, at, size * 0.12, mix(heart, white, 0.2), 1);
      return;
    }
    case 'fruit': {
      const count = random.int(2, 4);
      for (let fruit = 0; fruit < count; fruit++) {
        const radius = size * random.range(0.42, 0.62);
        const centre = polar(at, angle + (fruit - (count - 1) / 2) * 1.4, size * 0.55);
        sheet.line([at, centre], { colour: species.stemColour, width: 1.6 });
        sheet.shape(ellipse(centre, radius, radius * 1.12, random.range(-0.3, 0.3), 14), {
          colour: dip(random, colour),
          depth: 0.9,
          hatchAngle: 0.7,
        });
        sheet.dots([polar(centre, -2.2, radius * 0.5)], radius * 0.14, mix(colour, white, 0.85));
      }
      return;
    }
    default:
      ring(sheet, random, at, size, species.petals, species.petalWidth, colour, tilt, angle, species.notched);
      disc(sheet, random, at, size * 0.17, heart, tilt);
      stamens(sheet, random, at, size * 0.34, heart);
  }
}

function ring(
  sheet: Sheet,
  random: Random,
  centre: Point,
  radius: number,
  count: number,
  width: number,
  colour: Rgb,
  tilt: number,
  turn: number,
  notched: boolean,
): void {
  const span = (Math.PI * 2) / count;
  // Petals on the far side first, so that nearer ones lie over them.
  const turns = Array.from({ length: count }, (_, at) => turn + at * span + random.normal() * 0.06).sort(
    (a, b) => Math.sin(a) - Math.sin(b),
  );
  for (const angle of turns) {
    const squash = Math.hypot(Math.cos(angle), Math.sin(angle) * tilt);
    const seen = Math.atan2(Math.sin(angle) * tilt, Math.cos(angle));
    petal(
      sheet,
      random,
      centre,
      seen,
      radius * squash * random.range(0.92, 1.06),
      width,
      dip(random, colour, 7),
      notched,
    );
  }
}

function petal(
  sheet: Sheet,
  random: Random,
  from: Point,
  angle: number,
  length: number,
  width: number,
  colour: Rgb,
  notched: boolean,
): Point[] {
  const half = length * width * 0.42;
  const side = (along: number, across: number): Point => {
    const point = polar(from, angle, length * along);
    return polar(point, angle + Math.PI / 2, half * across);
  };
  const tip = notched
    ? [side(0.98, 0.5), side(0.88, 0), side(0.98, -0.5)]
    : [side(0.97, 0.35), side(1.02, random.range(-0.15, 0.15)), side(0.97, -0.35)];
  const polygon = sheet.shape(
    [
      from,
      side(0.28, 0.42),
      side(0.6, 0.95),
      side(0.82, 0.95),
      ...tip,
      side(0.82, -0.95),
      side(0.6, -0.95),
      side(0.28, -0.42),
    ],
    {
      colour,
      light: angle,
      depth: 0.62,
      hatched: false,
      outline: 0.75,
    },
  );
  let veins = '';
  for (const across of [-0.5, -0.22, 0, 0.22, 0.5]) {
    const reach = random.range(0.4, 0.75);
    veins += pathOf([side(0.08, across * 0.3), side(reach * 0.6, across * 0.8), side(reach, across)], false);
  }
  sheet.strokes(veins, {
    width: 0.42,
    colour: sheet.press.technique === 'engraving' ? undefined : mix(colour, [60, 16, 40], 0.45),
    opacity: 0.6,
  });
  return polygon;
}

function disc(sheet: Sheet, random: Random, centre: Point, radius: number, colour: Rgb, tilt: number): void {
  const polygon = sheet.shape(ellipse(centre, radius, radius * tilt, 0, 12), {
    colour,
    depth: 0.7,
    hatched: false,
    outline: 0.7,
  });
  const seeds = polygon
    .filter((_, index) => index % 3 === 0)
    .map(([x, y]): Point => [lerp(x, centre[0], random.range(0.2, 0.7)), lerp(y, centre[1], random.range(0.2, 0.7))]);
  sheet.dots(seeds, Math.max(0.5, radius * 0.09), mix(colour, [40, 20, 10], 0.6));
}

function stamens(sheet: Sheet, random: Random, centre: Point, radius: number, colour: Rgb): void {
  const tips: Point[] = [];
  let d = '';
  for (let stamen = 0; stamen < 9; stamen++) {
    const tip = polar(centre, random.range(0, Math.PI * 2), radius * random.range(0.6, 1));
    d += pathOf([centre, tip], false);
    tips.push(tip);
  }
  sheet.strokes(d, { width: 0.5, colour: mix(colour, [60, 40, 10], 0.3) });
  sheet.dots(tips, Math.max(0.7, radius * 0.09), colour);
}

function drawRoot(sheet: Sheet, random: Random, base: Point, size: number, species: Species): void {
  const brown = hsl(random.range(24, 38), 0.38, 0.5);
  for (let strand = 0; strand < 9; strand++) {
    const line = tendril(
      random,
      base,
      Math.PI / 2 + random.range(-0.9, 0.9),
      size * random.range(0.06, 0.14),
      random.range(-1, 1),
      6,
    );
    sheet.shape(ribbon(smooth(line, false, 3), size * 0.007, 0.4), {
      colour: brown,
      exact: true,
      hatched: false,
      outline: 0.6,
    });
  }
  if (random.chance(0.5))
    sheet.shape(ellipse([base[0], base[1] + size * 0.01], size * 0.028, size * 0.034, 0, 12), {
      colour: mix(brown, species.stemColour, 0.2),
      hatchAngle: 1.2,
    });
}
