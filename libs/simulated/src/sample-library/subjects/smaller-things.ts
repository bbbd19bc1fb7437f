import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb, white } from '../colour.ts';
import { along, ellipse, lerp, type Point, pathOf, place, ribbon, scatter, smooth, tendril } from '../geometry.ts';
import type { Sheet } from '../press.ts';
import type { Box } from './plant.ts';

/** Toadstools in a tuft of grass. */
export function drawMushrooms(sheet: Sheet, random: Random, box: Box): void {
  const cap = hsl(random.pick([6, 22, 32, 42, 350, 270]), random.range(0.4, 0.75), random.range(0.42, 0.6));
  const stalk = hsl(40, 0.32, 0.88);
  const count = random.int(2, 4);
  const ground = box.y + box.height * 0.9;
  const spots = random.chance(0.4);
  const order = Array.from({ length: count }, (_, at) => at).sort((a, b) => (a % 2) - (b % 2));
  for (const at of order) {
    const x = box.x + box.width * lerp(0.2, 0.8, count === 1 ? 0.5 : at / (count - 1)) + random.normal() * 6;
    const height = box.height * random.range(0.32, 0.66);
    const radius = Math.min(box.width * 0.26, height * random.range(0.36, 0.55));
    const lean = random.normal() * 0.06;
    const top: Point = [x + lean * height, ground - height];
    const spine = smooth(
      [[x, ground + random.range(-4, 10)], [x + lean * height * 0.3, ground - height * 0.5], top],
      false,
      6,
    );
    sheet.shape(ribbon(spine, radius * 0.52, radius * 0.3), {
      colour: stalk,
      exact: true,
      depth: 0.9,
      light: Math.PI,
      hatchAngle: 1.4,
    });
    sheet.shape(
      [
        [top[0] - radius * 0.22, top[1] + radius * 0.5],
        [top[0] + radius * 0.22, top[1] + radius * 0.5],
        [top[0] + radius * 0.16, top[1] + radius * 0.2],
        [top[0] - radius * 0.16, top[1] + radius * 0.2],
      ],
      { colour: mix(stalk, cap, 0.18), hatchAngle: 1.5 },
    );
    const gills = ellipse([top[0], top[1] + radius * 0.12], radius * 0.98, radius * 0.24, lean, 16);
    sheet.shape(gills, { colour: mix(stalk, [150, 110, 90], 0.35), hatched: false });
    let d = '';
    for (const point of gills) d += pathOf([[top[0], top[1] + radius * 0.06], point], false);
    sheet.strokes(d, { width: 0.5 });
    const dome = sheet.shape(
      [
        [top[0] - radius, top[1] + radius * 0.14],
        [top[0] - radius * 0.82, top[1] - radius * 0.34],
        [top[0] - radius * 0.3, top[1] - radius * 0.66],
        [top[0] + radius * 0.25, top[1] - radius * 0.66],
        [top[0] + radius * 0.8, top[1] - radius * 0.34],
        [top[0] + radius, top[1] + radius * 0.14],
        [top[0] + radius * 0.5, top[1] + radius * 0.05],
        [top[0] - radius * 0.5, top[1] + radius * 0.05],
      ],
      { colour: dip(random, cap, 8), depth: 0.95, hatchAngle: 0.6 },
    );
    if (spots) sheet.dots(scatter(random, dome, radius * 0.34), radius * 0.065, mix(stalk, white, 0.4));
  }
  grass(sheet, random, box.x + box.width * 0.08, box.x + box.width * 0.92, ground + 6, box.height * 0.12);
}

function grass(sheet: Sheet, random: Random, left: number, right: number, ground: number, height: number): void {
  const green = hsl(random.range(70, 105), 0.32, 0.42);
  for (let tuft = 0; tuft < 44; tuft++) {
    const x = random.range(left, right);
    const blade = tendril(
      random,
      [x, ground + random.normal() * 4],
      -Math.PI / 2 + random.normal() * 0.4,
      height * random.range(0.4, 1),
      random.normal() * 0.8,
      5,
    );
    sheet.line(blade, { colour: dip(random, green, 12), width: random.range(0.9, 1.9) });
  }
  let earth = '';
  for (let stroke = 0; stroke < 40; stroke++) {
    const x = random.range(left, right);
    const y = ground + random.range(-2, 12);
    earth += pathOf(
      [
        [x, y],
        [x + random.range(6, 24), y + random.normal()],
      ],
      false,
    );
  }
  sheet.strokes(earth, { width: 0.6 });
}

/** Beetles pinned in rows; returns where each figure's number goes. */
export function drawBeetles(sheet: Sheet, random: Random, box: Box): Point[] {
  const columns = random.int(2, 4);
  const rows = random.int(3, 4);
  const numbers: Point[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const cell = box.width / columns;
      const cellHeight = box.height / rows;
      const x = box.x + cell * (column + 0.5);
      const y = box.y + cellHeight * (row + 0.46);
      beetle(sheet, random, x, y, Math.min(cell * 0.92, cellHeight * 0.72) * random.range(0.7, 1));
      numbers.push([x, y + cellHeight * 0.47]);
    }
  return numbers;
}

function beetle(sheet: Sheet, random: Random, x: number, y: number, size: number): void {
  const put = place({ x, y, scale: size, rotate: random.normal() * 0.05 });
  const shell = hsl(
    random.pick([140, 165, 205, 15, 28, 42, 270, 350, 95]),
    random.range(0.35, 0.7),
    random.range(0.28, 0.48),
  );
  const dark = mix(shell, [14, 12, 14], 0.7);
  const wide = random.range(0.19, 0.3);
  const horned = random.chance(0.3);
  for (const side of [-1, 1]) {
    for (const [from, knee, foot] of [
      [-0.18, -0.28, -0.38],
      [0, 0.04, 0.12],
      [0.12, 0.26, 0.46],
    ] as const)
      sheet.line(
        [put([side * wide * 0.7, from]), put([side * (wide + 0.12), knee]), put([side * (wide + 0.2), foot])],
        { exact: true, width: 2, colour: dark },
      );
    sheet.line(
      tendril(
        random,
        put([side * 0.05, -0.42]),
        -Math.PI / 2 + side * 0.6,
        size * (horned ? 0.42 : 0.2),
        side * 1.2,
        6,
      ),
      { width: 1.1 },
    );
    if (horned)
      sheet.shape(
        (
          [
            [side * 0.04, -0.42],
            [side * 0.16, -0.5],
            [side * 0.1, -0.62],
            [side * 0.1, -0.5],
          ] as Point[]
        ).map(put),
        { colour: dark, hatched: false },
      );
  }
  sheet.shape(ellipse([0, -0.36], 0.1, 0.09, 0, 12).map(put), { colour: dark, hatched: false });
  sheet.shape(
    (
      [
        [-wide * 0.72, -0.16],
        [-wide * 0.62, -0.3],
        [0, -0.35],
        [wide * 0.62, -0.3],
        [wide * 0.72, -0.16],
        [0, -0.13],
      ] as Point[]
    ).map(put),
    { colour: mix(shell, dark, 0.4), depth: 0.8, hatchAngle: 0.3 },
  );
  const spotted = random.chance(0.35);
  const striped = random.chance(0.4);
  for (const side of [-1, 1]) {
    const elytron = sheet.shape(
      (
        [
          [0, -0.15],
          [side * wide * 0.8, -0.14],
          [side * wide, 0.08],
          [side * wide * 0.82, 0.32],
          [side * 0.02, 0.46],
          [0, 0.4],
        ] as Point[]
      ).map(put),
      { colour: shell, depth: 1, light: Math.PI * 1.25, hatchAngle: side * 0.9 },
    );
    if (spotted)
      sheet.dots(scatter(random, elytron, size * 0.13), size * 0.032, random.chance(0.5) ? hsl(45, 0.8, 0.6) : dark);
    if (striped)
      for (const share of [0.3, 0.6])
        sheet.line([put([side * wide * share, -0.12]), put([side * wide * share, 0.3])], {
          exact: true,
          width: 1.4,
          colour: mix(shell, hsl(50, 0.7, 0.7), 0.5),
        });
    sheet.strokes(
      pathOf([put([side * wide * 0.5, -0.1]), put([side * wide * 0.62, 0.06]), put([side * wide * 0.5, 0.2])], false),
      { width: 1.8, colour: mix(shell, white, 0.7), opacity: 0.6 },
    );
  }
}

/** Birds' eggs in rows: the plain ovals of oologists. */
export function drawEggs(sheet: Sheet, random: Random, box: Box): Point[] {
  const columns = random.int(2, 4);
  const rows = random.int(3, 5);
  const numbers: Point[] = [];
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const cell = box.width / columns;
      const cellHeight = box.height / rows;
      const x = box.x + cell * (column + 0.5);
      const y = box.y + cellHeight * (row + 0.46);
      const size = Math.min(cell, cellHeight) * random.range(0.52, 0.82);
      const ground = random.pick([
        hsl(178, 0.32, 0.76),
        hsl(38, 0.42, 0.82),
        hsl(28, 0.42, 0.68),
        hsl(95, 0.18, 0.76),
        hsl(200, 0.3, 0.78),
        hsl(50, 0.15, 0.92),
        hsl(15, 0.4, 0.6),
      ]);
      const put = place({ x, y, scale: size, rotate: random.normal() * 0.12 });
      const oval = sheet.shape(
        ellipse([0, 0], 0.36, 0.5, 0, 16).map(([px, py]) => put([px * (1 + py * 0.24), py])),
        { colour: dip(random, ground, 6), depth: 0.8, hatched: sheet.press.technique === 'engraving', outline: 0.6 },
      );
      const speck = random.pick([hsl(18, 0.5, 0.28), hsl(340, 0.25, 0.35), hsl(30, 0.3, 0.2), hsl(265, 0.15, 0.45)]);
      const density = random.range(0.06, 0.16);
      if (random.chance(0.85)) {
        const specks = scatter(random, oval, size * density).filter(([, py]) => random.chance(py < y ? 0.85 : 0.4));
        sheet.dots(
          specks.filter((_, at) => at % 3 !== 0),
          size * random.range(0.008, 0.016),
          speck,
        );
        sheet.dots(
          specks.filter((_, at) => at % 3 === 0),
          size * random.range(0.018, 0.034),
          mix(speck, ground, 0.25),
        );
      }
      numbers.push([x, y + cellHeight * 0.46]);
    }
  return numbers;
}

/** A seaweed or a coral: a branching thallus pressed flat. */
export function drawSeaweed(sheet: Sheet, random: Random, box: Box): void {
  const colour = hsl(
    random.pick([345, 355, 8, 22, 85, 110, 140, 48]),
    random.range(0.5, 0.78),
    random.range(0.4, 0.52),
  );
  const base: Point = [box.x + box.width / 2, box.y + box.height * 0.95];
  const size = Math.min(box.height * 0.26, box.width * 0.36);
  const spread = random.range(0.3, 0.55);
  const flat = random.chance(0.5);
  const grow = (from: Point, angle: number, length: number, width: number, depth: number): void => {
    const spine = smooth(tendril(random, from, angle, length, random.normal() * 0.5, 6), false, 4);
    const end = along(spine, 1);
    if (depth > 0) {
      for (const side of [-1, 1])
        grow(
          end.point,
          end.angle + side * spread * random.range(0.5, 1.3),
          length * random.range(0.62, 0.9),
          width * (flat ? 0.85 : 0.72),
          depth - 1,
        );
      if (random.chance(0.7)) {
        const side = random.pick([-1, 1]);
        const fork = along(spine, random.range(0.3, 0.75));
        grow(
          fork.point,
          fork.angle + side * random.range(0.5, 0.95),
          length * 0.55,
          width * 0.6,
          Math.max(0, depth - 2),
        );
      }
    }
    sheet.shape(ribbon(spine, width, width * (depth === 0 ? 1.15 : 0.8)), {
      colour: dip(random, colour, 8),
      exact: true,
      hatched: depth > 3,
      outline: flat ? 0.7 : 0.5,
      depth: 0.4,
    });
    if (depth === 0)
      sheet.shape(ellipse(spine.at(-1)!, width * 0.75, width * 0.75, 0, 8), {
        colour: mix(colour, white, 0.2),
        hatched: false,
        outline: 0.4,
      });
  };
  const stems = random.int(2, 4);
  for (let stem = 0; stem < stems; stem++)
    grow(
      base,
      -Math.PI / 2 + (stem - (stems - 1) / 2) * 0.55 + random.normal() * 0.08,
      size * random.range(0.8, 1),
      size * (flat ? random.range(0.13, 0.2) : random.range(0.07, 0.1)),
      5,
    );
  sheet.shape(ellipse(base, size * 0.09, size * 0.04, 0, 10), {
    colour: mix(colour, hsl(30, 0.3, 0.3), 0.5),
    hatchAngle: 0.1,
  });
}

/** A landscape or a group of specimens as a photographer or a topographical engraver shows it. */
export function drawScene(sheet: Sheet, random: Random, box: Box): void {
  const { x, y, width, height } = box;
  const frame: Point[] = [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ];
  const clip = `scene${Math.round(x)}_${Math.round(y)}`;
  sheet.raw(
    `<clipPath id="${clip}"><rect x="${x}" y="${y}" width="${width}" height="${height}"/></clipPath><g clip-path="url(#${clip})">`,
  );
  sheet.shape(frame, {
    colour: hsl(205, 0.25, 0.86),
    exact: true,
    depth: 0.3,
    light: -Math.PI / 2,
    hatched: sheet.press.technique === 'engraving',
    hatchAngle: 0,
    outline: 0,
  });
  const layers = random.int(3, 5);
  for (let layer = 0; layer < layers; layer++) {
    const t = layer / (layers - 1);
    const line = y + height * lerp(0.4, 0.84, t);
    const ridge: Point[] = [];
    for (let at = 0; at <= 9; at++)
      ridge.push([x - 10 + ((width + 20) * at) / 9, line + random.normal() * height * lerp(0.06, 0.025, t)]);
    sheet.shape([...smooth(ridge, false, 4), [x + width + 10, y + height + 5], [x - 10, y + height + 5]], {
      colour: hsl(lerp(200, 95, t), 0.25, lerp(0.68, 0.3, t)),
      exact: true,
      depth: 0.5,
      hatchAngle: lerp(0.7, -0.2, t),
    });
    if (layer < 1) continue;
    for (let tree = 0; tree < random.int(1, 5); tree++) {
      const tx = random.range(x, x + width);
      const tall = height * random.range(0.12, 0.34) * (0.5 + t);
      sheet.shape(
        ribbon(
          [
            [tx, line + 8],
            [tx + random.normal() * 3, line - tall],
          ],
          tall * 0.07,
          tall * 0.03,
        ),
        { colour: hsl(28, 0.3, 0.24), exact: true },
      );
      for (let crown = 0; crown < 7; crown++)
        sheet.shape(
          ellipse(
            [tx + random.normal() * tall * 0.19, line - tall * random.range(0.55, 1.1)],
            tall * random.range(0.14, 0.24),
            tall * random.range(0.1, 0.17),
            0,
            9,
          ).map(([px, py]): Point => [px + random.normal() * tall * 0.02, py + random.normal() * tall * 0.02]),
          { colour: dip(random, hsl(95, 0.25, 0.28), 16), depth: 0.7, outline: 0.4, hatchAngle: random.range(0, 1) },
        );
    }
  }
  sheet.raw('</g>');
}

/** A skull or another bone, drawn for its sutures: the staple of line engraving. */
export function drawSkull(sheet: Sheet, random: Random, box: Box): void {
  const bone: Rgb = hsl(42, 0.2, 0.8);
  const size = Math.min(box.width, box.height * 1.5) * 0.9;
  const put = place({ x: box.x + box.width / 2, y: box.y + box.height / 2, scale: size, flip: random.chance(0.5) });
  const long = random.range(0.8, 1.15);
  const all = (points: readonly Point[]) => points.map(([px, py]) => put([px * long, py]));
  sheet.shape(
    all([
      [-0.44, 0.12],
      [-0.36, 0.02],
      [-0.2, -0.03],
      [-0.08, -0.14],
      [0.1, -0.25],
      [0.3, -0.24],
      [0.42, -0.12],
      [0.44, 0.02],
      [0.34, 0.1],
      [0.16, 0.12],
      [0.0, 0.13],
      [-0.2, 0.15],
      [-0.4, 0.16],
    ]),
    { colour: bone, depth: 0.8, hatchAngle: 0.5 },
  );
  sheet.shape(all(ellipse([-0.06, -0.01], 0.075, 0.066, 0, 12)), {
    colour: hsl(30, 0.2, 0.2),
    depth: 0.3,
    hatchAngle: 0.2,
  });
  sheet.shape(
    all([
      [0.06, 0.06],
      [0.24, 0.02],
      [0.3, 0.07],
      [0.1, 0.11],
    ]),
    { colour: bone, hatchAngle: 0.1 },
  );
  sheet.shape(
    all([
      [0.28, 0.12],
      [0.34, 0.2],
      [0.1, 0.27],
      [-0.2, 0.26],
      [-0.4, 0.22],
      [-0.38, 0.18],
      [-0.1, 0.2],
      [0.14, 0.18],
      [0.2, 0.12],
    ]),
    { colour: bone, depth: 0.8, hatchAngle: 0.6 },
  );
  for (let tooth = 0; tooth < 11; tooth++) {
    const tx = -0.39 + tooth * 0.04;
    const fang = tooth === 1 ? 0.07 : 0.028;
    sheet.shape(
      all([
        [tx, 0.14],
        [tx + 0.03, 0.14],
        [tx + 0.018, 0.14 + fang],
      ]),
      { colour: white, exact: true, hatched: false },
    );
    sheet.shape(
      all([
        [tx + 0.01, 0.21],
        [tx + 0.038, 0.21],
        [tx + 0.022, 0.21 - fang * 0.7],
      ]),
      { colour: white, exact: true, hatched: false },
    );
  }
  let sutures = '';
  for (let suture = 0; suture < 3; suture++)
    sutures += pathOf(all(tendril(random, [0.06 + suture * 0.12, -0.2], 1.4, 0.24, random.normal(), 7)), false);
  sheet.strokes(sutures, { width: 0.8 });
}
