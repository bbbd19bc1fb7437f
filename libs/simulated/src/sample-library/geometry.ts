import type { Random } from '../random.ts';

export type Point = readonly [x: number, y: number];
/** Maps a subject's own coordinates (about 0..1) to pixels of the page. */
export type Placement = (point: Point) => Point;

export function place(options: {
  x: number;
  y: number;
  scale: number;
  rotate?: number;
  flip?: boolean;
  stretch?: number;
}): Placement {
  const { x, y, scale, rotate = 0, flip = false, stretch = 1 } = options;
  const cos = Math.cos(rotate);
  const sin = Math.sin(rotate);
  return ([px, py]) => {
    const sx = (flip ? -px : px) * scale;
    const sy = py * scale * stretch;
    return [x + sx * cos - sy * sin, y + sx * sin + sy * cos];
  };
}

/** Points along the Catmull-Rom curve through `points`, `steps` per segment. */
export function smooth(points: readonly Point[], closed: boolean, steps = 6): Point[] {
  const count = points.length;
  if (count < 3) return [...points];
  const at = (index: number) =>
    closed ? points[(index + count) % count]! : points[Math.min(count - 1, Math.max(0, index))]!;
  const curve: Point[] = [];
  const segments = closed ? count : count - 1;
  for (let segment = 0; segment < segments; segment++) {
    const [p0, p1, p2, p3] = [at(segment - 1), at(segment), at(segment + 1), at(segment + 2)];
    for (let step = 0; step < steps; step++) {
      const t = step / steps;
      curve.push([spline(p0[0], p1[0], p2[0], p3[0], t), spline(p0[1], p1[1], p2[1], p3[1], t)]);
    }
  }
  if (!closed) curve.push(points[count - 1]!);
  return curve;
}

function spline(a: number, b: number, c: number, d: number, t: number): number {
  return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
}

export function pathOf(points: readonly Point[], closed: boolean): string {
  let path = '';
  for (let at = 0; at < points.length; at++) {
    const [x, y] = points[at]!;
    path += `${at === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`;
  }
  return closed ? `${path}Z` : path;
}

export const round = (value: number): number => Math.round(value * 10) / 10;

export const lerp = (from: number, to: number, t: number): number => from + (to - from) * t;

export function polar(from: Point, angle: number, distance: number): Point {
  return [from[0] + Math.cos(angle) * distance, from[1] + Math.sin(angle) * distance];
}

export function ellipse(centre: Point, rx: number, ry: number, rotate = 0, count = 18): Point[] {
  const cos = Math.cos(rotate);
  const sin = Math.sin(rotate);
  return Array.from({ length: count }, (_, at) => {
    const turn = (at / count) * Math.PI * 2;
    const x = Math.cos(turn) * rx;
    const y = Math.sin(turn) * ry;
    return [centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos];
  });
}

/** The outline of a stroke of changing width along `spine`; widths are full widths at its start and its end. */
export function ribbon(spine: readonly Point[], startWidth: number, endWidth: number): Point[] {
  const left: Point[] = [];
  const right: Point[] = [];
  for (let at = 0; at < spine.length; at++) {
    const before = spine[Math.max(0, at - 1)]!;
    const after = spine[Math.min(spine.length - 1, at + 1)]!;
    const angle = Math.atan2(after[1] - before[1], after[0] - before[0]) + Math.PI / 2;
    const half = lerp(startWidth, endWidth, at / Math.max(1, spine.length - 1)) / 2;
    left.push(polar(spine[at]!, angle, half));
    right.push(polar(spine[at]!, angle, -half));
  }
  return [...left, ...right.reverse()];
}

/** A line from `from` towards `angle` that bends by `bend` radians over its length and shakes a little as a hand does. */
export function tendril(random: Random, from: Point, angle: number, length: number, bend: number, count = 8): Point[] {
  const line: Point[] = [from];
  let heading = angle;
  for (let at = 1; at < count; at++) {
    heading += bend / count + random.normal() * 0.04;
    line.push(polar(line[at - 1]!, heading, length / (count - 1)));
  }
  return line;
}

/** Point and heading at the share `t` of a line's points. */
export function along(line: readonly Point[], t: number): { point: Point; angle: number } {
  const position = Math.min(0.9999, Math.max(0, t)) * (line.length - 1);
  const index = Math.floor(position);
  const [a, b] = [line[index]!, line[index + 1]!];
  const part = position - index;
  return {
    point: [lerp(a[0], b[0], part), lerp(a[1], b[1], part)],
    angle: Math.atan2(b[1] - a[1], b[0] - a[0]),
  };
}

/**
 * An engraver's shading: parallel strokes inside a polygon, `gap` pixels apart, each covering the share `reach` of the
 * polygon's width on its shadow side. Returns SVG path data.
 */
export function hatch(
  random: Random,
  polygon: readonly Point[],
  options: { angle: number; gap: number; reach: number; bow?: number },
): string {
  const { angle, gap, reach, bow = 0.12 } = options;
  const cos = Math.cos(-angle);
  const sin = Math.sin(-angle);
  const turned = polygon.map(([x, y]): Point => [x * cos - y * sin, x * sin + y * cos]);
  let top = Number.POSITIVE_INFINITY;
  let bottom = Number.NEGATIVE_INFINITY;
  for (const [, y] of turned) {
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  let path = '';
  const back = ([x, y]: Point): string => `${round(x * cos + y * sin)} ${round(-x * sin + y * cos)}`;
  for (let y = top + gap * 0.5; y < bottom; y += gap * random.range(0.85, 1.15)) {
    const crossings: number[] = [];
    for (let at = 0; at < turned.length; at++) {
      const [ax, ay] = turned[at]!;
      const [bx, by] = turned[(at + 1) % turned.length]!;
      if (ay < y !== by < y) crossings.push(ax + ((y - ay) / (by - ay)) * (bx - ax));
    }
    crossings.sort((a, b) => a - b);
    for (let at = 0; at + 1 < crossings.length; at += 2) {
      const end = crossings[at + 1]!;
      const width = end - crossings[at]!;
      const start = end - width * Math.min(1, reach * random.range(0.7, 1.25));
      if (end - start < 0.8) continue;
      const middle: Point = [(start + end) / 2, y + (end - start) * bow];
      path += `M${back([start, y])}Q${back(middle)} ${back([end, y])}`;
    }
  }
  return path;
}

export function contains(polygon: readonly Point[], [x, y]: Point): boolean {
  let inside = false;
  for (let at = 0, last = polygon.length - 1; at < polygon.length; last = at++) {
    const [ax, ay] = polygon[at]!;
    const [bx, by] = polygon[last]!;
    if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
  }
  return inside;
}

/** Points spread over the inside of a polygon, jittered on a grid of `gap` pixels. */
export function scatter(random: Random, polygon: readonly Point[], gap: number): Point[] {
  const xs = polygon.map(([x]) => x);
  const ys = polygon.map(([, y]) => y);
  const points: Point[] = [];
  let odd = false;
  for (let y = Math.min(...ys); y < Math.max(...ys); y += gap * 0.86) {
    odd = !odd;
    for (let x = Math.min(...xs) + (odd ? gap / 2 : 0); x < Math.max(...xs); x += gap) {
      const point: Point = [x + random.normal() * gap * 0.1, y + random.normal() * gap * 0.1];
      if (contains(polygon, point)) points.push(point);
    }
  }
  return points;
}
