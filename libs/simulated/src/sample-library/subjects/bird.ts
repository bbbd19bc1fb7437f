import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb } from '../colour.ts';
import {
  along,
  ellipse,
  lerp,
  type Placement,
  type Point,
  pathOf,
  place,
  polar,
  ribbon,
  scatter,
  smooth,
  tendril,
} from '../geometry.ts';
import type { Sheet } from '../press.ts';
import type { Box } from './plant.ts';

interface Plumage {
  back: Rgb;
  breast: Rgb;
  belly: Rgb;
  cap: Rgb;
  wing: Rgb;
  tail: Rgb;
  beak: Rgb;
}

const plumages: readonly Plumage[] = [
  {
    back: hsl(28, 0.4, 0.4),
    breast: hsl(16, 0.75, 0.52),
    belly: hsl(40, 0.3, 0.85),
    cap: hsl(25, 0.45, 0.32),
    wing: hsl(26, 0.4, 0.3),
    tail: hsl(24, 0.4, 0.27),
    beak: hsl(35, 0.3, 0.4),
  },
  {
    back: hsl(212, 0.5, 0.45),
    breast: hsl(35, 0.72, 0.68),
    belly: hsl(45, 0.4, 0.88),
    cap: hsl(215, 0.6, 0.34),
    wing: hsl(220, 0.48, 0.3),
    tail: hsl(220, 0.5, 0.28),
    beak: hsl(220, 0.15, 0.28),
  },
  {
    back: hsl(128, 0.38, 0.38),
    breast: hsl(52, 0.78, 0.58),
    belly: hsl(58, 0.6, 0.74),
    cap: hsl(2, 0.7, 0.45),
    wing: hsl(140, 0.35, 0.28),
    tail: hsl(200, 0.45, 0.34),
    beak: hsl(25, 0.6, 0.45),
  },
  {
    back: hsl(45, 0.45, 0.42),
    breast: hsl(50, 0.85, 0.6),
    belly: hsl(52, 0.6, 0.82),
    cap: hsl(0, 0, 0.14),
    wing: hsl(0, 0, 0.18),
    tail: hsl(0, 0, 0.16),
    beak: hsl(20, 0.4, 0.5),
  },
  {
    back: hsl(345, 0.3, 0.36),
    breast: hsl(352, 0.68, 0.5),
    belly: hsl(10, 0.4, 0.8),
    cap: hsl(220, 0.1, 0.16),
    wing: hsl(230, 0.12, 0.22),
    tail: hsl(230, 0.14, 0.18),
    beak: hsl(40, 0.2, 0.25),
  },
  {
    back: hsl(180, 0.35, 0.38),
    breast: hsl(285, 0.35, 0.5),
    belly: hsl(170, 0.3, 0.72),
    cap: hsl(160, 0.55, 0.32),
    wing: hsl(195, 0.45, 0.28),
    tail: hsl(265, 0.35, 0.32),
    beak: hsl(0, 0, 0.16),
  },
  {
    back: hsl(35, 0.28, 0.5),
    breast: hsl(36, 0.36, 0.76),
    belly: hsl(40, 0.3, 0.9),
    cap: hsl(30, 0.35, 0.38),
    wing: hsl(30, 0.32, 0.36),
    tail: hsl(30, 0.3, 0.34),
    beak: hsl(45, 0.3, 0.4),
  },
];

/** One or two birds on a bough, with the leaves of the tree. */
export function drawBird(sheet: Sheet, random: Random, box: Box): void {
  const two = random.chance(0.35) && box.height > box.width * 1.1;
  const plumage = random.pick(plumages);
  const flip = random.chance(0.5);
  const size = Math.min(box.width * 0.86, box.height * (two ? 0.5 : 0.78));
  perch(sheet, random, box, plumage, size, flip, box.y + box.height * (two ? 0.02 : 0.08));
  if (two)
    perch(
      sheet,
      random,
      box,
      random.chance(0.5) ? plumage : paler(plumage),
      size * 0.92,
      !flip,
      box.y + box.height * 0.5,
    );
}

function paler(plumage: Plumage): Plumage {
  const straw: Rgb = [196, 176, 136];
  return {
    ...plumage,
    back: mix(plumage.back, straw, 0.5),
    breast: mix(plumage.breast, straw, 0.5),
    cap: mix(plumage.cap, straw, 0.4),
    wing: mix(plumage.wing, straw, 0.3),
  };
}

function perch(
  sheet: Sheet,
  random: Random,
  box: Box,
  plumage: Plumage,
  size: number,
  flip: boolean,
  top: number,
): void {
  const lean = random.range(-0.28, 0.12);
  const left = box.x + box.width / 2 + (flip ? 0.5 : -0.5) * size * 0.95;
  const put = place({ x: left, y: top, scale: size * 0.95, flip, rotate: flip ? -lean : lean });
  const build = {
    beak: random.pick([0.06, 0.09, 0.13, 0.2]),
    curve: random.range(-0.01, 0.05),
    tail: random.range(0.26, 0.62),
    fat: random.range(0.86, 1.18),
    crest: random.chance(0.22),
    head: random.range(0.92, 1.12),
  };
  const foot = put([0.47, 0.78]);
  bough(sheet, random, [foot[0], foot[1] + size * 0.01], box, size);
  bird(sheet, random, put, plumage, build, size);
}

function bough(sheet: Sheet, random: Random, through: Point, box: Box, size: number): void {
  const slope = random.range(-0.28, 0.28);
  const bark = hsl(random.range(18, 38), random.range(0.14, 0.32), random.range(0.38, 0.52));
  const points: Point[] = [];
  for (let at = 0; at <= 6; at++) {
    const x = lerp(box.x + box.width * 0.02, box.x + box.width * 0.98, at / 6);
    points.push([x, through[1] + (x - through[0]) * Math.sin(slope) + random.normal() * size * 0.008]);
  }
  const spine = smooth(points, false, 5);
  const leaf = hsl(random.range(70, 130), 0.34, 0.4);
  for (let twig = 0; twig < 5; twig++) {
    const from = along(spine, random.range(0.05, 0.95));
    const up = random.chance(0.4) ? -1 : 1;
    const line = smooth(
      tendril(
        random,
        from.point,
        from.angle + up * random.range(0.5, 1.1),
        size * random.range(0.16, 0.32),
        -up * 0.4,
        5,
      ),
      false,
      4,
    );
    sheet.shape(ribbon(line, size * 0.014, size * 0.006), { colour: bark, exact: true, hatched: false, outline: 0.8 });
    for (let at = 1; at <= 4; at++) {
      const on = along(line, at / 4);
      twigLeaf(
        sheet,
        on.point,
        on.angle + (at % 2 === 0 ? 0.8 : -0.8),
        size * random.range(0.1, 0.15),
        dip(random, leaf, 8),
      );
    }
  }
  sheet.shape(ribbon(spine, size * 0.062, size * 0.03), {
    colour: bark,
    exact: true,
    hatchAngle: 1.1,
    light: -Math.PI / 2,
    depth: 0.8,
  });
  let bumps = '';
  for (let knot = 0; knot < 9; knot++) {
    const on = along(spine, random.next());
    bumps += pathOf(tendril(random, on.point, on.angle + 0.15, size * 0.07, 0.3, 4), false);
  }
  sheet.strokes(bumps, { width: 0.7, colour: mix(bark, [20, 12, 8], 0.6) });
}

function twigLeaf(sheet: Sheet, from: Point, angle: number, length: number, colour: Rgb): void {
  const at = (forward: number, across: number): Point =>
    polar(polar(from, angle, length * forward), angle + Math.PI / 2, length * across);
  sheet.shape([from, at(0.3, 0.2), at(0.65, 0.2), at(1, 0.02), at(0.65, -0.19), at(0.3, -0.2)], {
    colour,
    depth: 0.6,
    hatchAngle: angle + 0.8,
    outline: 0.8,
  });
  sheet.strokes(pathOf([from, at(0.95, 0.02)], false), { width: 0.5 });
}

function bird(
  sheet: Sheet,
  random: Random,
  put: Placement,
  plumage: Plumage,
  build: { beak: number; curve: number; tail: number; fat: number; crest: boolean; head: number },
  size: number,
): void {
  const { fat, tail, beak, curve, head } = build;
  const body = (points: readonly Point[]): Point[] => points.map((point) => put(point));
  const low = (x: number, y: number): Point => [x, 0.33 + (y - 0.33) * (y > 0.33 ? fat : 1)];

  for (let feather = 0; feather < 6; feather++) {
    const spread = (feather - 2.5) * 0.035;
    const from: Point = [0.7, 0.6 + feather * 0.008];
    const tip = polar(from, 0.72 + spread, tail * random.range(0.94, 1.04));
    const side = polar(tip, 0.72 + Math.PI / 2, 0.028);
    const other = polar(tip, 0.72 - Math.PI / 2, 0.024);
    const mid = polar(from, 0.72 + spread, tail * 0.5);
    sheet.shape(body([from, polar(mid, 2.3, 0.034), side, tip, other, polar(mid, -0.85, 0.03)]), {
      colour: dip(random, plumage.tail, 6),
      hatchAngle: 0.9,
      depth: 0.5,
    });
    sheet.strokes(pathOf(body([from, tip]), false), { width: 0.5 });
  }

  for (const leg of [0.44, 0.52]) {
    const knee = put(low(leg, 0.68));
    const foot = put([leg + 0.005, 0.79]);
    sheet.line([knee, foot], { width: 2.6, colour: mix(plumage.beak, [120, 90, 70], 0.4), exact: true });
    for (const toe of [-0.05, -0.02, 0.035]) sheet.line([foot, put([leg + toe, 0.81])], { width: 1.6, exact: true });
  }

  const hx = (x: number) => 0.23 + (x - 0.23) * head;
  const outline = body([
    [hx(0.105), 0.19],
    [hx(0.145), 0.105],
    [hx(0.23), 0.07],
    [hx(0.325), 0.11],
    [0.41, 0.21],
    [0.53, 0.33],
    [0.66, 0.47],
    [0.76, 0.6],
    [0.78, 0.655],
    low(0.7, 0.69),
    low(0.56, 0.71),
    low(0.4, 0.66),
    low(0.25, 0.53),
    [0.155, 0.4],
    [hx(0.125), 0.29],
    [hx(0.105), 0.235],
  ]);
  const polygon = sheet.shape(outline, { colour: plumage.belly, depth: 0.55, hatchAngle: -0.7 });
  sheet.shape(
    body([
      [hx(0.107), 0.235],
      [hx(0.2), 0.25],
      [0.31, 0.3],
      [0.38, 0.42],
      [0.42, 0.56],
      low(0.36, 0.62),
      low(0.25, 0.52),
      [0.158, 0.4],
      [hx(0.127), 0.29],
    ]),
    { colour: plumage.breast, outline: 0.25, depth: 0.7, hatchAngle: -0.9 },
  );
  sheet.shape(
    body([
      [hx(0.3), 0.12],
      [0.41, 0.215],
      [0.53, 0.335],
      [0.66, 0.475],
      [0.75, 0.6],
      [0.62, 0.56],
      [0.46, 0.42],
      [0.34, 0.3],
      [0.27, 0.2],
    ]),
    { colour: plumage.back, outline: 0.3, depth: 0.6, hatchAngle: 0.6 },
  );
  sheet.shape(
    body([
      [hx(0.107), 0.185],
      [hx(0.147), 0.108],
      [hx(0.23), 0.073],
      [hx(0.32), 0.11],
      [hx(0.35), 0.17],
      [hx(0.27), 0.16],
      [hx(0.18), 0.155],
    ]),
    { colour: plumage.cap, outline: 0.4, depth: 0.5, hatchAngle: 0.3 },
  );
  if (build.crest)
    for (const lift of [0, 0.035, 0.07])
      sheet.shape(
        body([
          [0.2, 0.085],
          [0.27, 0.01 - lift],
          [0.36, -0.02 - lift * 0.6],
          [0.29, 0.06],
          [0.27, 0.095],
        ]),
        { colour: plumage.cap, hatchAngle: 0.4, outline: 0.7 },
      );

  let barbs = '';
  for (const [x, y] of scatter(random, polygon, size * 0.024)) {
    const length = size * 0.013;
    const heading = put([0.5, 0.5]);
    const turn =
      Math.atan2(put([0.62, 0.63])[1] - heading[1], put([0.62, 0.63])[0] - heading[0]) + random.normal() * 0.16;
    barbs += pathOf([[x, y], polar([x, y], turn, length)], false);
  }
  sheet.strokes(barbs, { width: 0.5, opacity: 0.45 });

  wing(sheet, random, body, plumage);

  const bill = mix(plumage.beak, [30, 24, 20], 0.2);
  sheet.shape(
    body([
      [hx(0.112), 0.178],
      [hx(0.105) - beak * 0.5, 0.188 + curve * 0.4],
      [hx(0.105) - beak, 0.214 + curve],
      [hx(0.105) - beak * 0.4, 0.222],
      [hx(0.112), 0.218],
    ]),
    { colour: bill, hatched: false, depth: 0.7 },
  );
  sheet.shape(
    body([
      [hx(0.112), 0.216],
      [hx(0.105) - beak * 0.5, 0.222],
      [hx(0.105) - beak * 0.85, 0.222 + curve * 0.7],
      [hx(0.108), 0.24],
    ]),
    { colour: mix(bill, [0, 0, 0], 0.2), hatched: false },
  );
  const eye = put([hx(0.19), 0.175]);
  sheet.dots([eye], size * 0.021, hsl(30, 0.5, 0.42));
  sheet.dots([eye], size * 0.0145, [14, 12, 12]);
  sheet.raw(`<circle cx="${eye[0] - size * 0.005}" cy="${eye[1] - size * 0.005}" r="${size * 0.0042}" fill="#fff"/>`);
}

function wing(sheet: Sheet, random: Random, body: (points: readonly Point[]) => Point[], plumage: Plumage): void {
  sheet.shape(
    body([
      [0.33, 0.33],
      [0.29, 0.41],
      [0.34, 0.54],
      [0.5, 0.65],
      [0.7, 0.73],
      [0.87, 0.79],
      [0.76, 0.62],
      [0.6, 0.46],
      [0.45, 0.34],
    ]),
    { colour: plumage.wing, depth: 0.5, hatched: false },
  );
  for (let feather = 8; feather >= 0; feather--) {
    const t = feather / 8;
    const from: Point = [lerp(0.42, 0.52, t), lerp(0.57, 0.44, t)];
    const tip: Point = [lerp(0.6, 0.87, t), lerp(0.7, 0.785, t)];
    const across = (share: number, off: number): Point => {
      const angle = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
      return polar([lerp(from[0], tip[0], share), lerp(from[1], tip[1], share)], angle + Math.PI / 2, off);
    };
    sheet.shape(body([from, across(0.4, 0.024), across(0.85, 0.02), tip, across(0.85, -0.016), across(0.4, -0.02)]), {
      colour: dip(random, mix(plumage.wing, [0, 0, 0], 0.15), 7),
      hatchAngle: 0.8,
      depth: 0.6,
      outline: 0.75,
    });
    sheet.strokes(pathOf(body([from, tip]), false), { width: 0.45 });
  }
  for (let row = 0; row < 4; row++) {
    const count = 7 - row;
    for (let at = 0; at < count; at++) {
      const x = lerp(0.33, 0.52, at / count) + row * 0.012;
      const y = lerp(0.55, 0.4, at / count) - row * 0.045 + 0.02;
      sheet.shape(body(ellipse([x, y], 0.034, 0.024, 0.7, 8)), {
        colour: dip(random, mix(plumage.wing, plumage.back, 0.3 + row * 0.18), 8),
        hatched: false,
        depth: 0.7,
        outline: 0.6,
      });
    }
  }
}
