import type { Random } from '../random.ts';
import { css, lightnessOf, mix, type Rgb, white } from './colour.ts';
import { hatch, type Point, pathOf, round, smooth } from './geometry.ts';

/**
 * How a plate came to paper.
 * coloured: engraved lines with washes by hand or colour stones; pale: the same, faded and thin;
 * engraving: lines of one ink; crayon: lithograph in one grey or sepia tone; halftone: a photograph's greys.
 */
export type Technique = 'coloured' | 'pale' | 'engraving' | 'crayon' | 'halftone';

export interface Press {
  technique: Technique;
  ink: Rgb;
  /** Pixels. */
  lineWidth: number;
  /** Pixels between two strokes of shading. */
  hatchGap: number;
  /** 0 a breath of colour, 1 opaque colour. */
  washStrength: number;
  /** Pixels by which the colour misses the lines. */
  misregister: Point;
}

export interface Fill {
  colour: Rgb;
  /** Direction the light comes from, radians; upper left by default. */
  light?: number;
  /** How far the gradient goes from light to dark, 0 to 1. */
  depth?: number;
  outline?: number;
  hatched?: boolean;
  hatchAngle?: number;
  /** Points are already a polygon and not the knots of a curve. */
  exact?: boolean;
}

interface Bounds {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const emptyBounds = (): Bounds => ({
  left: Number.POSITIVE_INFINITY,
  right: Number.NEGATIVE_INFINITY,
  top: Number.POSITIVE_INFINITY,
  bottom: Number.NEGATIVE_INFINITY,
});

/**
 * Collects the shapes of one page and prints them in one technique as SVG. Every shape is opaque on white: the page
 * multiplies the print with its paper, so white is bare paper and a nearer shape hides what lies behind it.
 */
export class Sheet {
  readonly press: Press;
  readonly random: Random;
  #body: string[] = [];
  #gradients = new Map<string, string>();
  #drawn: Bounds = emptyBounds();

  constructor(press: Press, random: Random) {
    this.press = press;
    this.random = random;
  }

  /** Fills the closed curve through `points`; returns its polygon, for shading and scattering inside it. */
  shape(points: readonly Point[], fill: Fill): Point[] {
    const polygon = fill.exact ? [...points] : smooth(points, true, 5);
    this.#grow(polygon);
    const d = pathOf(polygon, true);
    const { technique, misregister, lineWidth } = this.press;
    const outline = fill.outline ?? 1;
    if (technique === 'engraving') this.#body.push(`<path d="${d}" fill="#fff"/>`);
    else {
      const [dx, dy] = technique === 'halftone' ? [0, 0] : misregister;
      const shift = dx === 0 && dy === 0 ? '' : ` transform="translate(${round(dx)} ${round(dy)})"`;
      this.#body.push(`<path d="${d}" fill="${this.#paint(fill)}"${shift}/>`);
    }
    if (fill.hatched !== false) this.#shade(polygon, fill);
    if (outline > 0 && technique !== 'halftone') {
      const colour = this.lineColour(fill.colour);
      this.#body.push(
        `<path d="${d}" fill="none" stroke="${css(colour)}" stroke-width="${round(lineWidth * outline * 10) / 10}" stroke-linejoin="round"/>`,
      );
    }
    return polygon;
  }

  /** A stroke along `points` (knots of a curve unless `exact`). */
  line(
    points: readonly Point[],
    options: { width?: number; colour?: Rgb; exact?: boolean; opacity?: number } = {},
  ): void {
    const { width = 1, opacity = 1 } = options;
    const colour = options.colour ? this.tone(options.colour) : this.press.ink;
    const d = pathOf(options.exact ? points : smooth(points, false, 5), false);
    this.#body.push(
      `<path d="${d}" fill="none" stroke="${css(colour)}" stroke-width="${round(this.press.lineWidth * width * 10) / 10}" stroke-linecap="round"${opacity < 1 ? ` stroke-opacity="${opacity}"` : ''}/>`,
    );
  }

  /** Ready path data, stroked: hatching, veins and scales come as hundreds of short strokes in one path. */
  strokes(d: string, options: { width?: number; colour?: Rgb; opacity?: number } = {}): void {
    if (d === '') return;
    const { width = 0.6, opacity = 1 } = options;
    const colour = options.colour ? this.tone(options.colour) : this.press.ink;
    this.#body.push(
      `<path d="${d}" fill="none" stroke="${css(colour)}" stroke-width="${round(this.press.lineWidth * width * 100) / 100}" stroke-linecap="round"${opacity < 1 ? ` stroke-opacity="${opacity}"` : ''}/>`,
    );
  }

  /** Round dots of one colour, radius in pixels. */
  dots(points: readonly Point[], radius: number, colour: Rgb): void {
    if (points.length === 0) return;
    const d = points.map(([x, y]) => `M${round(x)} ${round(y)}h.01`).join('');
    this.#body.push(
      `<path d="${d}" stroke="${css(this.tone(colour))}" stroke-width="${round(radius * 2)}" stroke-linecap="round" fill="none"/>`,
    );
  }

  raw(svg: string): void {
    this.#body.push(svg);
  }

  /** What this press makes of a painter's colour. */
  tone(colour: Rgb): Rgb {
    const { technique, ink, washStrength } = this.press;
    const light = lightnessOf(colour);
    if (technique === 'coloured' || technique === 'pale') return mix(white, colour, washStrength);
    if (technique === 'engraving') return light > 0.75 ? white : ink;
    if (technique === 'crayon') return mix(ink, white, 0.35 + 0.6 * light);
    const grey = 30 + 205 * light ** 1.15;
    return [grey, grey, grey];
  }

  lineColour(colour: Rgb): Rgb {
    const { technique, ink } = this.press;
    if (technique === 'coloured') return mix(mix(colour, [20, 18, 16], 0.72), ink, 0.35);
    if (technique === 'pale') return mix(mix(colour, ink, 0.5), white, 0.35);
    if (technique === 'crayon') return mix(ink, white, 0.3);
    return ink;
  }

  /**
   * Scales what `draw` draws so that it fills `box`, at most to `scaleMax`; returns how its points moved. Plants and birds
   * come in all proportions, and this is how an engraver would have laid each out on his copper.
   */
  fit(
    box: { x: number; y: number; width: number; height: number },
    scaleMax: number,
    draw: () => void,
  ): (point: Point) => Point {
    const before = this.#body;
    const outer = this.#drawn;
    this.#body = [];
    this.#drawn = emptyBounds();
    draw();
    const { left, right, top, bottom } = this.#drawn;
    const scale = Math.min(scaleMax, box.width / Math.max(1, right - left), box.height / Math.max(1, bottom - top));
    const dx = box.x + box.width / 2 - ((left + right) / 2) * scale;
    const dy = box.y + box.height / 2 - ((top + bottom) / 2) * scale;
    const moved = `translate(${round(dx)} ${round(dy)}) scale(${Math.round(scale * 1000) / 1000})`;
    before.push(`<g transform="${moved}">${this.#body.join('')}</g>`);
    this.#body = before;
    this.#drawn = outer;
    return ([x, y]) => [x * scale + dx, y * scale + dy];
  }

  /** The shapes alone, to lay into another sheet. */
  group(): string {
    return `<defs>${[...this.#gradients.values()].join('')}</defs>${this.#body.join('')}`;
  }

  svg(width: number, height: number): string {
    const defs = [...this.#gradients.values()].join('');
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><defs>${defs}</defs><rect width="100%" height="100%" fill="#fff"/>${this.#body.join('')}</svg>`;
  }

  #grow(points: readonly Point[]): void {
    const drawn = this.#drawn;
    for (const [x, y] of points) {
      drawn.left = Math.min(drawn.left, x);
      drawn.right = Math.max(drawn.right, x);
      drawn.top = Math.min(drawn.top, y);
      drawn.bottom = Math.max(drawn.bottom, y);
    }
  }

  #paint(fill: Fill): string {
    const colour = this.tone(fill.colour);
    const depth =
      (fill.depth ?? 0.5) * (this.press.technique === 'halftone' ? 1.3 : this.press.technique === 'pale' ? 0.6 : 1);
    if (depth <= 0) return css(colour);
    const angle = fill.light ?? Math.PI * 1.25;
    const bright = mix(colour, white, 0.55 * depth);
    const dark = mix(colour, [38, 28, 26], 0.42 * depth);
    const key = `${css(bright)}${css(colour)}${css(dark)}${Math.round(angle * 5)}`.replaceAll(/[^0-9]/g, '_');
    const id = `g${key}`;
    if (!this.#gradients.has(id)) {
      const x = Math.cos(angle) / 2;
      const y = Math.sin(angle) / 2;
      this.#gradients.set(
        id,
        `<linearGradient id="${id}" x1="${round(50 + x * 100)}%" y1="${round(50 + y * 100)}%" x2="${round(50 - x * 100)}%" y2="${round(50 - y * 100)}%"><stop offset="0" stop-color="${css(bright)}"/><stop offset=".45" stop-color="${css(colour)}"/><stop offset="1" stop-color="${css(dark)}"/></linearGradient>`,
      );
    }
    return `url(#${id})`;
  }

  #shade(polygon: readonly Point[], fill: Fill): void {
    const { technique, hatchGap } = this.press;
    if (technique === 'halftone') return;
    const angle = fill.hatchAngle ?? -0.5;
    const darkness = 1 - lightnessOf(fill.colour);
    if (technique === 'engraving') {
      const first = hatch(this.random, polygon, { angle, gap: hatchGap * 0.9, reach: 0.45 + 0.6 * darkness });
      this.strokes(first, { width: 0.7 });
      if (darkness > 0.42)
        this.strokes(hatch(this.random, polygon, { angle: angle + 0.9, gap: hatchGap * 1.2, reach: darkness * 0.6 }), {
          width: 0.6,
        });
      return;
    }
    const d = hatch(this.random, polygon, { angle, gap: hatchGap * 1.3, reach: 0.42 });
    const colour = mix(fill.colour, [30, 24, 22], 0.55);
    this.strokes(d, { width: 0.45, colour, opacity: technique === 'coloured' ? 0.55 : 0.4 });
  }
}
