import type { Random } from '../../random.ts';
import { dip, hsl, mix, type Rgb } from '../colour.ts';
import { ellipse, lerp, type Placement, type Point, pathOf, place, scatter, smooth } from '../geometry.ts';
import type { Sheet } from '../press.ts';
import type { Box } from './plant.ts';

const shades: readonly Rgb[] = [
  hsl(24, 0.55, 0.66),
  hsl(34, 0.5, 0.72),
  hsl(8, 0.5, 0.68),
  hsl(345, 0.4, 0.72),
  hsl(40, 0.55, 0.62),
  hsl(18, 0.5, 0.5),
  hsl(275, 0.2, 0.66),
  hsl(60, 0.28, 0.72),
  hsl(210, 0.2, 0.68),
];

/** Shells laid out as a conchologist figures them; returns where each figure's number goes. */
export function drawShells(sheet: Sheet, random: Random, box: Box): Point[] {
  const columns = random.pick([2, 2, 3]);
  const rows = random.int(3, 4);
  const numbers: Point[] = [];
  for (let row = 0; row < rows; row++) {
    const inRow = Math.max(1, columns - (row % 2 === 1 && columns > 1 ? 1 : 0));
    for (let column = 0; column < inRow; column++) {
      const cell = box.width / inRow;
      const cellHeight = box.height / rows;
      const x = box.x + cell * (column + 0.5) + random.normal() * 3;
      const y = box.y + cellHeight * (row + 0.5) + random.normal() * 3;
      const scale = Math.min(cell, cellHeight) * random.range(0.74, 0.94);
      const put = place({ x, y, scale, rotate: random.normal() * 0.22, flip: random.chance(0.3) });
      const colour = dip(random, random.pick(shades), 10);
      const kind = random.pick([
        'spire',
        'spire',
        'spire',
        'cowrie',
        'scallop',
        'scallop',
        'cone',
        'snail',
        'snail',
      ] as const);
      if (kind === 'spire') spire(sheet, random, put, scale, colour);
      else if (kind === 'cowrie') cowrie(sheet, random, put, scale, colour);
      else if (kind === 'cone') cone(sheet, random, put, scale, colour);
      else if (kind === 'snail') snail(sheet, random, put, colour);
      else scallop(sheet, random, put, colour);
      numbers.push([x + scale * 0.42, y + cellHeight * 0.44]);
    }
  }
  return numbers;
}

function spire(sheet: Sheet, random: Random, put: Placement, scale: number, colour: Rgb): void {
  const whorls = random.int(5, 9);
  const slim = random.range(0.17, 0.36);
  const bands = random.chance(0.55);
  const dark = mix(colour, hsl(18, 0.6, 0.24), 0.65);
  let y = -0.47;
  let height = 0.05;
  const growth = random.range(1.24, 1.42);
  const total = Array.from({ length: whorls }, (_, at) => growth ** at).reduce((a, b) => a + b, 0);
  for (let whorl = 0; whorl < whorls; whorl++) {
    height = (0.72 * growth ** whorl) / total;
    const half = slim * ((y + height + 0.47) / 0.72);
    const halfTop = slim * ((y + 0.47) / 0.72) * 0.92;
    const tilt = half * 0.22;
    const polygon = sheet.shape(
      (
        [
          [-halfTop, y - tilt * 0.4],
          [-half, y + height * 0.55],
          [-half * 0.92, y + height],
          [0, y + height + tilt * 1.25],
          [half * 0.92, y + height + tilt],
          [half, y + height * 0.6],
          [halfTop, y + tilt * 0.5],
          [0, y + tilt * 0.6],
        ] as Point[]
      ).map(put),
      { colour: dip(random, colour, 5), light: Math.PI * 1.1, depth: 0.85, hatchAngle: 1.35 },
    );
    if (bands) {
      const band: Point[] = [
        [-half * 0.97, y + height * 0.62],
        [0, y + height * 0.68 + tilt],
        [half * 0.97, y + height * 0.66 + tilt * 0.6],
      ];
      sheet.line(band.map(put), { colour: dark, width: 2.2, opacity: 0.75 });
    } else sheet.dots(scatter(random, polygon, scale * 0.05), Math.max(0.7, scale * 0.009), dark);
    y += height;
  }
  const half = slim * 1.02;
  sheet.shape(
    (
      [
        [-half * 0.7, y - 0.06],
        [half * 0.5, y - 0.03],
        [half * 0.75, y + 0.06],
        [half * 0.3, y + 0.2],
        [0, y + 0.24],
        [-half * 0.3, y + 0.16],
      ] as Point[]
    ).map(put),
    { colour, depth: 0.8, hatchAngle: 1.2 },
  );
  sheet.shape(
    (
      [
        [half * 0.05, y - 0.05],
        [half * 0.55, y + 0.0],
        [half * 0.5, y + 0.1],
        [half * 0.12, y + 0.21],
        [-half * 0.08, y + 0.1],
      ] as Point[]
    ).map(put),
    { colour: mix(colour, hsl(12, 0.6, 0.82), 0.75), depth: 0.9, hatchAngle: -0.4 },
  );
}

function cowrie(sheet: Sheet, random: Random, put: Placement, scale: number, colour: Rgb): void {
  const polygon = sheet.shape(
    ellipse([0, 0], 0.3, 0.44, 0, 14).map(([x, y]) => put([x * (1 + y * 0.35), y])),
    { colour, depth: 1, hatchAngle: 0.7 },
  );
  const spots = scatter(
    random,
    polygon.map(([x, y]): Point => {
      const [cx, cy] = put([0, 0]);
      return [lerp(x, cx, 0.14), lerp(y, cy, 0.14)];
    }),
    scale * 0.075,
  );
  sheet.dots(spots, scale * 0.02, mix(colour, hsl(20, 0.6, 0.2), 0.7));
  // Seen from below: the slit between the toothed lips.
  const slit: Point[] = [
    [0.03, -0.4],
    [0.09, -0.2],
    [0.08, 0.05],
    [0.06, 0.25],
    [0.03, 0.41],
  ];
  const lip: Point[] = [
    [0.03, -0.4],
    [-0.02, -0.2],
    [-0.02, 0.05],
    [0, 0.25],
    [0.03, 0.41],
  ];
  sheet.shape([...slit, ...lip.slice(1, -1).reverse()].map(put), {
    colour: hsl(18, 0.45, 0.26),
    hatched: false,
    depth: 0.2,
  });
  let teeth = '';
  for (let tooth = 0; tooth < 12; tooth++) {
    const y = lerp(-0.34, 0.34, tooth / 11);
    teeth +=
      pathOf([put([0.07, y]), put([0.15, y - 0.02])], false) + pathOf([put([-0.01, y]), put([-0.09, y - 0.02])], false);
  }
  sheet.strokes(teeth, { width: 1.1, colour: hsl(36, 0.5, 0.9) });
}

function cone(sheet: Sheet, random: Random, put: Placement, scale: number, colour: Rgb): void {
  const polygon = sheet.shape(
    (
      [
        [-0.27, -0.24],
        [-0.1, -0.3],
        [0, -0.42],
        [0.1, -0.3],
        [0.27, -0.24],
        [0.22, 0.02],
        [0.1, 0.34],
        [0.02, 0.45],
        [-0.06, 0.4],
        [-0.2, 0.05],
      ] as Point[]
    ).map(put),
    { colour, depth: 0.9, hatchAngle: 1.3 },
  );
  const dark = mix(colour, hsl(22, 0.7, 0.2), 0.75);
  const netted = random.chance(0.5);
  if (netted) {
    let net = '';
    for (const [x, y] of scatter(random, polygon, scale * 0.06))
      net += `M${x} ${y - scale * 0.03}l${scale * 0.025} ${scale * 0.05}l${-scale * 0.05} 0Z`;
    sheet.strokes(net, { width: 0.9, colour: dark });
  } else
    for (let band = 0; band < 7; band++) {
      const y = -0.18 + band * 0.08;
      const half = lerp(0.26, 0.08, (y + 0.2) / 0.6);
      sheet.line(
        (
          [
            [-half, y - 0.01],
            [0, y + 0.05],
            [half, y],
          ] as Point[]
        ).map(put),
        { colour: dark, width: random.range(1, 3), opacity: 0.8 },
      );
    }
  for (let turn = 0; turn < 3; turn++)
    sheet.line(
      (
        [
          [-0.2 + turn * 0.05, -0.27 - turn * 0.035],
          [0, -0.24 - turn * 0.05],
          [0.2 - turn * 0.05, -0.27 - turn * 0.035],
        ] as Point[]
      ).map(put),
      { width: 0.8 },
    );
}

function scallop(sheet: Sheet, random: Random, put: Placement, colour: Rgb): void {
  const ribs = random.int(9, 17);
  const from = Math.PI * 1.08;
  const to = Math.PI * 1.92;
  const rim: Point[] = [];
  for (let at = 0; at <= ribs * 2; at++) {
    const angle = lerp(from, to, at / (ribs * 2));
    const reach = 0.72 * (at % 2 === 0 ? 0.97 : 1.02) * (0.86 + 0.14 * Math.sin((at / (ribs * 2)) * Math.PI));
    rim.push([Math.cos(angle) * reach * 0.72, 0.36 + Math.sin(angle) * reach]);
  }
  for (const side of [-1, 1])
    sheet.shape(
      (
        [
          [0, 0.3],
          [side * 0.17, 0.26],
          [side * 0.18, 0.38],
          [0, 0.4],
        ] as Point[]
      ).map(put),
      { colour: mix(colour, [90, 60, 50], 0.2), hatchAngle: 1.5 },
    );
  sheet.shape([...rim, [0.05, 0.4] as Point, [-0.05, 0.4] as Point].map(put), {
    colour,
    exact: true,
    depth: 0.9,
    light: Math.PI / 2,
    hatchAngle: 0.4,
  });
  let lines = '';
  for (let at = 1; at < ribs * 2; at += 1) lines += pathOf([put([0, 0.38]), put(rim[at]!)], false);
  sheet.strokes(lines, { width: 0.55, colour: mix(colour, [60, 20, 20], 0.55) });
  for (const share of [0.45, 0.62, 0.78, 0.9])
    sheet.line(
      smooth(
        rim.map(([x, y]): Point => put([x * share, lerp(0.38, y, share)])),
        false,
        1,
      ),
      { exact: true, width: random.range(0.6, 2.4), colour: mix(colour, hsl(10, 0.7, 0.3), 0.6), opacity: 0.6 },
    );
}

function snail(sheet: Sheet, random: Random, put: Placement, colour: Rgb): void {
  const dark = mix(colour, hsl(20, 0.6, 0.2), 0.6);
  sheet.shape(ellipse([0, 0], 0.4, 0.36, 0.2, 16).map(put), { colour, depth: 1, hatchAngle: 0.6 });
  sheet.shape(
    (
      [
        [0.16, 0.1],
        [0.42, 0.12],
        [0.46, 0.32],
        [0.22, 0.4],
        [0.05, 0.34],
      ] as Point[]
    ).map(put),
    { colour: mix(colour, hsl(15, 0.5, 0.85), 0.6), depth: 0.8 },
  );
  const turns = 3.4;
  for (const offset of [0, 0.3, 0.6]) {
    const coil: Point[] = [];
    for (let at = 0; at <= 60; at++) {
      const turn = (at / 60) * turns * Math.PI * 2;
      const radius = 0.38 * (1 - at / 62) ** 1.1 * (1 - offset * 0.22);
      coil.push(put([Math.cos(turn + 0.6) * radius - 0.02, Math.sin(turn + 0.6) * radius * 0.9]));
    }
    sheet.line(coil, {
      exact: true,
      width: offset === 0 ? 1.2 : random.range(1.4, 2.6),
      colour: offset === 0 ? undefined : dark,
      opacity: offset === 0 ? 1 : 0.65,
    });
  }
}
