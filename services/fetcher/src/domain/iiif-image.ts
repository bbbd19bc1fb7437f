import { type ImageSize, imageSizes, imageWidthPx } from '@florilegium/bhl';
import { invalidArgument } from '@florilegium/errors';
import calculators from 'iiif-processor/calculator';

export interface Dimensions {
  width: number;
  height: number;
}

/** The parts of an image request as its address gives them (IIIF Image API 3.0, section 4). */
export interface IiifRequest {
  region: string;
  size: string;
  rotation: string;
  quality: string;
  format: string;
}

/** What is to be done with an image, in this order. */
export interface IiifPlan {
  /** In pixels of the full image. */
  region: { left: number; top: number; width: number; height: number };
  size: Dimensions;
  isMirrored: boolean;
  degrees: number;
  quality: 'default' | 'color' | 'gray' | 'bitonal';
  format: IiifFormat;
  /** `region/size/rotation/quality.format` in the form that section 4.7 prefers. */
  canonicalPath: string;
}

export const iiifMediaTypes = { jpg: 'image/jpeg', png: 'image/png', webp: 'image/webp' } as const;
export type IiifFormat = keyof typeof iiifMediaTypes;

/** The library's reading of region, size and rotation, and beyond it what it leaves open: limits, `!w,h`, `max` and canonical forms. */
export function planIiifImage(request: IiifRequest, full: Dimensions, pixelsMax: number): IiifPlan {
  const { quality, format } = request;
  if (!(format in iiifMediaTypes))
    throw bad('format', `${format} is none of ${Object.keys(iiifMediaTypes).join(', ')}`);
  // Its name for a colour that is not converted.
  const calculator = reading('region', () => new calculators[3](full).region(request.region));
  const { region } = calculator.info();
  if (region.width < 1 || region.height < 1) throw bad('region', 'lies outside the image');
  reading('quality', () => calculator.quality(quality));
  const { rotation } = reading('rotation', () => calculator.rotation(request.rotation)).info();
  if (rotation.degree > 360) throw bad('rotation', 'is more than 360 degrees');
  const size = readSize(calculator, request.size, region, pixelsMax);
  const degrees = rotation.degree % 360;
  const isFull = region.width === full.width && region.height === full.height;
  const isUpscaled = size.width > region.width || size.height > region.height;
  const most = withinPixels(region, pixelsMax);
  const isMax = !isUpscaled && size.width === most.width && size.height === most.height;
  return {
    region,
    size,
    isMirrored: rotation.flop,
    degrees,
    quality: quality as IiifPlan['quality'],
    format: format as IiifFormat,
    canonicalPath: [
      isFull ? 'full' : [region.left, region.top, region.width, region.height].join(','),
      isMax ? 'max' : `${isUpscaled ? '^' : ''}${size.width},${size.height}`,
      `${rotation.flop ? '!' : ''}${degrees}`,
      `${quality}.${format}`,
    ].join('/'),
  };
}

type Calculator = InstanceType<(typeof calculators)[3]>;

function readSize(calculator: Calculator, text: string, region: Dimensions, pixelsMax: number): Dimensions {
  const isUpscaling = text.startsWith('^');
  const asked = isUpscaling ? text.slice(1) : text;
  if (asked === 'max') return withinPixels(region, pixelsMax, isUpscaling);
  // Version 2's word, which the library still takes.
  if (asked === 'full') throw bad('size', 'full is not a size of version 3; max is');
  const box = /^!(\d+),(\d+)$/.exec(asked);
  if (box) {
    const scale = Math.min(Number(box[1]) / region.width, Number(box[2]) / region.height);
    if (scale === 0) throw bad('size', 'is 0');
    return withinPixels(scaled(region, isUpscaling ? scale : Math.min(scale, 1)), pixelsMax);
  }
  const { size } = reading('size', () => calculator.size(text)).info();
  const found = /^(pct:[\d.]+|\d+,|,\d+)$/.test(asked)
    ? // One scale for both sides, rounded and not cut.
      scaled(region, scaleOf(asked, region))
    : size;
  if (found.width * found.height > pixelsMax)
    throw bad('size', `has more than ${pixelsMax} pixels, the most that is given`);
  return { width: found.width, height: found.height };
}

function scaleOf(asked: string, region: Dimensions): number {
  if (asked.startsWith('pct:')) return Number(asked.slice(4)) / 100;
  return asked.startsWith(',') ? Number(asked.slice(1)) / region.height : Number(asked.slice(0, -1)) / region.width;
}

const scaled = ({ width, height }: Dimensions, scale: number): Dimensions => ({
  width: Math.max(Math.round(width * scale), 1),
  height: Math.max(Math.round(height * scale), 1),
});

/** The same proportions with at most `pixelsMax` pixels; as many as that when `fills`. */
function withinPixels(from: Dimensions, pixelsMax: number, fills = false): Dimensions {
  const scale = Math.sqrt(pixelsMax / (from.width * from.height));
  if (scale >= 1 && !fills) return { width: from.width, height: from.height };
  return { width: Math.max(Math.floor(from.width * scale), 1), height: Math.max(Math.floor(from.height * scale), 1) };
}

function reading<Result>(field: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 400) throw bad(field, (error as Error).message);
    throw error;
  }
}

const bad = (field: string, text: string) => invalidArgument(`${field}: ${text}`, { field });

/** The document at `info.json` (section 5) of an image whose largest form is `full`. */
export function iiifInfo(id: string, full: Dimensions, pixelsMax: number) {
  const widths = imageSizes.flatMap((size: ImageSize) => (size === 'full' ? [] : [imageWidthPx[size]]));
  const sizes = [
    ...widths.filter((width) => width < full.width).map((width) => scaled(full, width / full.width)),
    withinPixels(full, pixelsMax),
  ];
  const scaleFactors = [1];
  while (Math.max(full.width, full.height) / scaleFactors.at(-1)! > tileWidth)
    scaleFactors.push(scaleFactors.at(-1)! * 2);
  return {
    '@context': 'http://iiif.io/api/image/3/context.json',
    id,
    type: 'ImageService3',
    protocol: 'http://iiif.io/api/image',
    profile: 'level2',
    ...full,
    // With a limit on the area alone, no width is promised that a narrow image could not have.
    maxArea: pixelsMax,
    sizes: sizes.filter(({ width, height }) => width * height <= pixelsMax),
    tiles: [{ width: tileWidth, scaleFactors }],
    preferredFormats: ['jpg'],
    extraFormats: ['webp'],
    extraQualities: ['color', 'gray', 'bitonal'],
    extraFeatures: ['mirroring', 'rotationArbitrary', 'sizeUpscaling', 'canonicalLinkHeader', 'profileLinkHeader'],
  };
}

const tileWidth = 512;
