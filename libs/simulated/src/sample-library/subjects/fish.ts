import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb } from '../colour.ts';
import { ellipse, lerp, type Placement, type Point, pathOf, place, scatter } from '../geometry.ts';
import type { Sheet } from '../press.ts';
import type { Box } from './plant.ts';

const coats: readonly (readonly [back: Rgb, belly: Rgb, fin: Rgb, mark: Rgb])[] = [
  [hsl(205, 0.4, 0.42), hsl(45, 0.35, 0.86), hsl(25, 0.65, 0.55), hsl(215, 0.5, 0.25)],
  [hsl(18, 0.7, 0.5), hsl(40, 0.6, 0.82), hsl(8, 0.75, 0.5), hsl(12, 0.6, 0.28)],
  [hsl(90, 0.3, 0.4), hsl(52, 0.5, 0.8), hsl(15, 0.6, 0.5), hsl(100, 0.35, 0.22)],
  [hsl(50, 0.72, 0.56), hsl(54, 0.6, 0.84), hsl(220, 0.5, 0.45), hsl(222, 0.55, 0.32)],
  [hsl(340, 0.45, 0.55), hsl(20, 0.4, 0.86), hsl(348, 0.5, 0.5), hsl(335, 0.45, 0.32)],
  [hsl(180, 0.35, 0.42), hsl(60, 0.3, 0.82), hsl(45, 0.6, 0.55), hsl(190, 0.5, 0.22)],
];

/** One to four fishes, one under another. */
export function drawFishes(sheet: Sheet, random: Random, box: Box): Point[] {
  const count = box.width > box.height ? random.int(1, 2) : random.int(2, 4);
  const numbers: Point[] = [];
  const cell = box.height / count;
  for (let fish = 0; fish < count; fish++) {
    const length = Math.min(box.width * 0.96, cell * 2.3) * random.range(0.88, 1);
    const x = box.x + box.width / 2;
    const y = box.y + cell * (fish + 0.5);
    drawFish(
      sheet,
      random,
      place({ x, y, scale: length, flip: random.chance(0.25), rotate: random.normal() * 0.02 }),
      length,
    );
    numbers.push([x + length * 0.1, y + cell * 0.45]);
  }
  return numbers;
}

function drawFish(sheet: Sheet, random: Random, put: Placement, length: number): void {
  const [back, belly, fin, mark] = random.pick(coats);
  const deep = random.range(0.11, 0.22);
  const all = (points: readonly Point[]) => points.map(put);
  const top = (x: number) => -deep * Math.sin(Math.PI * Math.min(1, (x + 0.5) / 0.9) ** 0.7) ** 0.85;
  finOf(
    sheet,
    random,
    put,
    [-0.12, top(-0.12) * 0.9],
    [0.2, top(0.2) * 0.9],
    [-0.04, -deep - random.range(0.05, 0.13)],
    [0.16, -deep * 0.75 - 0.04],
    fin,
  );
  finOf(
    sheet,
    random,
    put,
    [0.02, -top(0.02) * 0.8],
    [0.22, -top(0.22) * 0.8],
    [0.08, deep + 0.07],
    [0.22, deep * 0.6 + 0.05],
    fin,
  );
  const tail = random.range(0.1, 0.18);
  sheet.shape(
    all([
      [0.36, -0.03],
      [0.44, -tail * 0.7],
      [0.52, -tail],
      [0.47, 0],
      [0.52, tail],
      [0.44, tail * 0.7],
      [0.36, 0.03],
    ]),
    { colour: fin, depth: 0.6, hatchAngle: 0.2 },
  );
  let rays = '';
  for (let ray = -5; ray <= 5; ray++)
    rays += pathOf([put([0.38, ray * 0.005]), put([0.46 + Math.abs(ray) * 0.008, (ray / 5) * tail * 0.88])], false);
  sheet.strokes(rays, { width: 0.5, colour: mix(fin, [20, 10, 10], 0.5) });
  const spine: Point[] = [];
  const keel: Point[] = [];
  for (let at = 0; at <= 10; at++) {
    const x = lerp(-0.5, 0.38, at / 10);
    spine.push([x, Math.min(-0.016, top(x))]);
    keel.push([x, Math.max(0.016, -top(x) * 0.86)]);
  }
  const polygon = sheet.shape(all([[-0.505, 0.005], ...spine.slice(1), ...keel.slice(1).reverse()]), {
    colour: mix(back, belly, 0.55),
    light: Math.PI / 2,
    depth: 0.9,
    hatchAngle: 0.15,
  });
  sheet.shape(
    all([[-0.47, -0.02], ...spine.slice(1), [0.34, -0.005], [0.1, -deep * 0.3], [-0.2, -deep * 0.35], [-0.4, -0.03]]),
    { colour: back, depth: 0.5, hatchAngle: 0.25, outline: 0.25, light: -Math.PI / 2 },
  );
  let scales = '';
  const scale = length * 0.021;
  for (const [x, y] of scatter(random, polygon, scale)) {
    const head = put([-0.34, 0]);
    if ((x - head[0]) * (put([1, 0])[0] - head[0]) < 0) continue;
    scales += `M${Math.round(x * 10) / 10} ${Math.round((y - scale * 0.45) * 10) / 10}q${Math.round(scale * 6) / 10} ${Math.round(scale * 4.5) / 10} 0 ${Math.round(scale * 9) / 10}`;
  }
  sheet.strokes(scales, { width: 0.45, colour: mix(back, [20, 20, 30], 0.5), opacity: 0.75 });
  if (random.chance(0.5))
    for (let bar = 0; bar < random.int(4, 7); bar++) {
      const x = -0.26 + bar * 0.1;
      sheet.shape(
        all([
          [x, top(x) * 0.95],
          [x + 0.035, top(x) * 0.94],
          [x + 0.03, deep * 0.2],
          [x + 0.01, deep * 0.45],
          [x - 0.004, deep * 0.1],
        ]),
        { colour: mark, hatched: false, outline: 0, depth: 0.2 },
      );
    }
  else
    sheet.dots(
      scatter(random, polygon, length * 0.055).filter(([, y]) => y < put([0, 0.03])[1]),
      length * random.range(0.006, 0.011),
      mark,
    );
  sheet.line(
    all([
      [-0.33, -deep * 0.62],
      [-0.285, 0],
      [-0.33, deep * 0.6],
    ]),
    { width: 1.3 },
  );
  finOf(sheet, random, put, [-0.27, 0.02], [-0.25, 0.06], [-0.13, 0.05], [-0.15, 0.12], mix(fin, belly, 0.2));
  sheet.line(
    all([
      [-0.5, 0.012],
      [-0.44, 0.03],
    ]),
    { width: 1.2 },
  );
  const eye = put([-0.415, -0.032]);
  sheet.shape(ellipse(eye, length * 0.021, length * 0.021, 0, 12), {
    colour: hsl(48, 0.7, 0.72),
    hatched: false,
    depth: 0.2,
  });
  sheet.dots([eye], length * 0.011, [15, 15, 20]);
}

function finOf(
  sheet: Sheet,
  random: Random,
  put: Placement,
  from: Point,
  to: Point,
  tip: Point,
  tipEnd: Point,
  colour: Rgb,
): void {
  sheet.shape([from, tip, tipEnd, to].map(put), {
    colour: dip(random, colour, 6),
    exact: true,
    depth: 0.5,
    hatchAngle: 1.2,
  });
  let rays = '';
  for (let ray = 0; ray <= 10; ray++) {
    const t = ray / 10;
    rays += pathOf(
      [
        put([lerp(from[0], to[0], t), lerp(from[1], to[1], t)]),
        put([lerp(tip[0], tipEnd[0], t), lerp(tip[1], tipEnd[1], t)]),
      ],
      false,
    );
  }
  sheet.strokes(rays, { width: 0.55, colour: mix(colour, [30, 10, 10], 0.5) });
}
