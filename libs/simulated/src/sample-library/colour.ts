import type { Random } from '../random.ts';

/** Red, green, blue, each 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

export const white: Rgb = [255, 255, 255];
export const black: Rgb = [0, 0, 0];

/** Hue in degrees, saturation and lightness 0 to 1. */
export function hsl(hue: number, saturation: number, lightness: number): Rgb {
  const chroma = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const k = (offset + hue / 30 + 1200) % 12;
    return 255 * (lightness - chroma * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  return [
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
    from[2] + (to[2] - from[2]) * share,
  ];
}

/** 0 black to 1 white (Rec. 709 weights on gamma-encoded values: good enough to choose a shade of ink). */
export const lightnessOf = ([red, green, blue]: Rgb): number => (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;

export function css(colour: Rgb): string {
  return `rgb(${colour.map((value) => Math.round(Math.min(255, Math.max(0, value)))).join(',')})`;
}

/** The same colour as another dip of the brush gives it. */
export function dip(random: Random, colour: Rgb, spread = 9): Rgb {
  const lift = random.normal() * spread;
  return [
    colour[0] + lift + random.normal() * spread * 0.5,
    colour[1] + lift + random.normal() * spread * 0.5,
    colour[2] + lift + random.normal() * spread * 0.5,
  ];
}
