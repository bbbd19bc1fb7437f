import sharp from 'sharp';
import type { Random } from '../random.ts';
import { mix, type Rgb } from './colour.ts';

export interface PaperLook {
  tone: Rgb;
  /** Brown of the spots and of the edges. */
  stain: Rgb;
  /** How uneven the tone is, 0 to 1. */
  mottle: number;
  /** Fox marks, 0 none to 1 heavy. */
  foxing: number;
  /** How far age has browned the edges, 0 to 1. */
  browning: number;
  /** Chain lines of laid paper. */
  laid: boolean;
}

/** One book's paper: a texture larger than a page, so that every page is another cut of it. */
export interface Paper {
  width: number;
  height: number;
  /** RGB, row by row. */
  texture: Uint8Array;
  /** How well each spot takes ink, 0 to 255. */
  grain: Uint8Array;
  look: PaperLook;
}

/** Pixels by which the texture is larger than the page on either axis. */
export const paperMargin = 150;

export async function makePaper(
  random: Random,
  look: PaperLook,
  pageWidth: number,
  pageHeight: number,
): Promise<Paper> {
  const width = pageWidth + paperMargin;
  const height = pageHeight + paperMargin;
  const [clouds, patches, tooth, grain] = await Promise.all([
    noise(random.fork('clouds'), width, height, 130),
    noise(random.fork('patches'), width, height, 34),
    noise(random.fork('tooth'), width, height, 3.2),
    noise(random.fork('grain'), width, height, 1.6),
  ]);
  const spots = foxing(random.fork('foxing'), width, height, look.foxing);
  const texture = new Uint8Array(width * height * 3);
  const darkTone = mix(look.tone, look.stain, 0.35);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const uneven = ((clouds[at]! - 128) * 0.42 + (patches[at]! - 128) * 0.2) / 128;
      const fibre = ((tooth[at]! - 128) * 0.022 + (grain[at]! - 128) * 0.03) / 1.4;
      const chain = look.laid ? (x % 27 === 0 ? -3 : 0) + (y % 3 === 0 ? -1.3 : 0) : 0;
      const spot = spots[at]! / 255;
      const share = Math.max(-0.6, uneven * look.mottle);
      for (let channel = 0; channel < 3; channel++) {
        const base = look.tone[channel]! + (darkTone[channel]! - look.tone[channel]!) * share + fibre + chain;
        texture[at * 3 + channel] = clamp(base + (look.stain[channel]! - base) * spot * 0.75);
      }
    }
  }
  return { width, height, texture, grain, look };
}

/** Smooth noise whose lumps are about `lump` pixels: white noise enlarged by a cubic kernel, stretched to 0..255 around 128. */
async function noise(random: Random, width: number, height: number, lump: number): Promise<Uint8Array> {
  const columns = Math.max(4, Math.round(width / lump));
  const rows = Math.max(4, Math.round(height / lump));
  const cells = new Uint8Array(columns * rows);
  for (let at = 0; at < cells.length; at++) cells[at] = 256 * random.next();
  const { data } = await sharp(cells, { raw: { width: columns, height: rows, channels: 1 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}

/** Rust-brown spots in clusters, each a dark heart in a pale ring; 0 to 255 how brown. */
function foxing(random: Random, width: number, height: number, amount: number): Uint8Array {
  const spots = new Uint8Array(width * height);
  const clusters = Math.round(amount * 16);
  for (let cluster = 0; cluster < clusters; cluster++) {
    const cx = random.range(0, width);
    const cy = random.range(0, height);
    const spread = random.range(15, 110);
    const count = random.int(4, 26);
    for (let spot = 0; spot < count; spot++) {
      const x = cx + random.normal() * spread;
      const y = cy + random.normal() * spread;
      const radius = random.chance(0.08) ? random.range(7, 17) : random.range(1.1, 4.5);
      const strength = random.range(30, 120) * (0.5 + amount / 2) * (radius > 7 ? 0.6 : 1);
      for (let py = Math.max(0, Math.floor(y - radius)); py <= Math.min(height - 1, y + radius); py++) {
        for (let px = Math.max(0, Math.floor(x - radius)); px <= Math.min(width - 1, x + radius); px++) {
          const distance = Math.hypot(px - x, py - y) / radius;
          if (distance >= 1) continue;
          const at = py * width + px;
          spots[at] = Math.min(255, spots[at]! + strength * (1 - distance * distance));
        }
      }
    }
  }
  return spots;
}

/** Breaks the greys inside `box` into the dots of a halftone screen (pitch about 2.4 pixels at 45°), after a photograph's softness. */
export function screenPrint(
  print: Uint8Array,
  channels: number,
  width: number,
  box: { x: number; y: number; width: number; height: number },
): void {
  const soft = new Uint8Array(box.width * box.height);
  for (let y = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++) {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) {
          const px = Math.min(box.width - 1, Math.max(0, x + dx)) + box.x;
          const py = Math.min(box.height - 1, Math.max(0, y + dy)) + box.y;
          sum += print[(py * width + px) * channels]!;
        }
      soft[y * box.width + x] = sum / 9;
    }
  for (let y = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++) {
      const grey = soft[y * box.width + x]!;
      const dot = Math.cos((x + y) * 1.85) * Math.cos((x - y) * 1.85);
      const value = clamp(14 + grey * 0.95 + dot * 26 * (1 - Math.abs(grey - 128) / 150));
      const at = ((y + box.y) * width + x + box.x) * channels;
      print[at] = value;
      print[at + 1] = value;
      print[at + 2] = value;
    }
}

export interface PageLight {
  /** The book's spine is on the left of a right-hand page. */
  rightHand: boolean;
  /** Depth of the shadow in the gutter, 0 to 1. */
  gutter: number;
  offset: readonly [x: number, y: number];
  mirrored: boolean;
  /** How evenly the paper took the ink, 0 perfect to 1 worn. */
  wear: number;
  /** Share of the paper's browned edges that shows, 0 to 1. */
  aged: number;
}

/**
 * Multiplies a print (RGB on white, page-sized) with the paper under it. About 4 ms for a page of 465 × 720 pixels, the
 * longest stretch for which drawing holds the event loop.
 */
export function printOnPaper(
  print: Uint8Array,
  channels: number,
  width: number,
  height: number,
  paper: Paper,
  light: PageLight,
): Uint8Array {
  const page = new Uint8Array(width * height * 3);
  const columnLight = new Float32Array(width);
  const rowLight = new Float32Array(height);
  const browning = paper.look.browning * light.aged;
  for (let x = 0; x < width; x++) {
    const fromSpine = light.rightHand ? x : width - 1 - x;
    const fromEdge = width - 1 - fromSpine;
    columnLight[x] = (1 - light.gutter * Math.exp(-fromSpine / 9)) * (1 - browning * 0.2 * Math.exp(-fromEdge / 20));
  }
  for (let y = 0; y < height; y++)
    rowLight[y] = (1 - browning * 0.17 * Math.exp(-y / 20)) * (1 - browning * 0.14 * Math.exp(-(height - 1 - y) / 24));
  const stainPull = [1, 1.12, 1.4];
  for (let y = 0; y < height; y++) {
    const row = (y + light.offset[1]) * paper.width + light.offset[0];
    for (let x = 0; x < width; x++) {
      const under = row + (light.mirrored ? width - 1 - x : x);
      const shade = columnLight[x]! * rowLight[y]!;
      const take = 1 - light.wear * (paper.grain[under]! / 255) * 0.34;
      const at = y * width + x;
      for (let channel = 0; channel < 3; channel++) {
        const ink = 255 - (255 - print[at * channels + channel]!) * take;
        const dark = 1 - (1 - shade) * stainPull[channel]!;
        page[at * 3 + channel] = clamp((paper.texture[under * 3 + channel]! * ink * Math.max(dark, 0.1)) / 255);
      }
    }
  }
  return page;
}

const clamp = (value: number): number => Math.max(0, Math.min(255, value));
