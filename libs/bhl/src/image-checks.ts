import { crc32 } from 'node:zlib';

/** Formats a page image may have; the value is also the file name's extension. */
export const imageFormats = ['webp', 'jpg', 'png', 'jp2'] as const;
export type ImageFormat = (typeof imageFormats)[number];

export const imageMediaTypes: Record<ImageFormat, string> = {
  webp: 'image/webp',
  jpg: 'image/jpeg',
  png: 'image/png',
  jp2: 'image/jp2',
};

export interface ImageLimits {
  /** Bytes of one image; more is refused before it is read to its end. */
  imageBytesMax: number;
  /** Width times height from the header, against decompression bombs. */
  imagePixelsMax: number;
}

// A 300 dpi foldout of 1.2 m by 0.8 m has 134 million pixels; the largest WebP side is 16,383 px.
export const defaultImageLimits: ImageLimits = { imageBytesMax: 64 * 1024 * 1024, imagePixelsMax: 200_000_000 };

export type ImageCheck =
  | { kind: 'ok'; format: ImageFormat; width: number; height: number }
  | { kind: 'corrupt'; reason: string };

class Corrupt extends Error {}

/**
 * Tells a whole image from a cut, wrong or dangerous one without decoding a pixel: magic bytes, width and height from the
 * header against the limits, and the container walked to its end (RIFF chunks, JPEG segments and scans to EOI, PNG chunks with
 * their CRCs to IEND, JP2 boxes to the end-of-codestream marker). Never throws; `reason` says what is wrong and where.
 */
export function checkImage(bytes: Buffer, limits: ImageLimits = defaultImageLimits): ImageCheck {
  try {
    if (bytes.length === 0) throw new Corrupt('empty');
    if (bytes.length > limits.imageBytesMax)
      throw new Corrupt(`${bytes.length} bytes, over the limit of ${limits.imageBytesMax}`);
    const format = imageFormatOf(bytes);
    if (!format) throw new Corrupt(`not an image: ${describeStart(bytes)}`);
    const { width, height } = walkers[format](bytes);
    if (width < 1 || height < 1) throw new Corrupt(`${width} x ${height} pixels`);
    if (width * height > limits.imagePixelsMax) {
      throw new Corrupt(`${width} x ${height} pixels, over the limit of ${limits.imagePixelsMax}`);
    }
    return { kind: 'ok', format, width, height };
  } catch (error) {
    if (error instanceof Corrupt) return { kind: 'corrupt', reason: error.message };
    // Reading past the end of the buffer: the header promised more than there is.
    if (error instanceof RangeError) return { kind: 'corrupt', reason: `cut short after ${bytes.length} bytes` };
    throw error;
  }
}

/** The format that the first bytes tell, or undefined. */
export function imageFormatOf(bytes: Buffer): ImageFormat | undefined {
  if (bytes.length < 12) return undefined;
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') return 'webp';
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpg';
  if (bytes.subarray(0, 8).equals(pngSignature)) return 'png';
  if (bytes.subarray(0, 12).equals(jp2Signature)) return 'jp2';
  return undefined;
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const jp2Signature = Buffer.from([0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 0x0d, 0x0a, 0x87, 0x0a]);

const walkers: Record<ImageFormat, (bytes: Buffer) => { width: number; height: number }> = {
  webp: walkWebp,
  jpg: walkJpeg,
  png: walkPng,
  jp2: walkJp2,
};

function walkWebp(bytes: Buffer): { width: number; height: number } {
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length) throw new Corrupt(`cut short: RIFF promises ${end} bytes, ${bytes.length} came`);
  if (end < bytes.length) throw new Corrupt(`${bytes.length - end} bytes after the end of the RIFF`);
  let canvas: { width: number; height: number } | undefined;
  let frame: { width: number; height: number } | undefined;
  let at = 12;
  while (at < end) {
    const type = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const start = at + 8;
    if (start + size > end) throw new Corrupt(`WebP chunk ${JSON.stringify(type)} runs past the end`);
    if (type === 'VP8X') {
      if (size < 10) throw new Corrupt('WebP header chunk too small');
      canvas = { width: 1 + bytes.readUIntLE(start + 4, 3), height: 1 + bytes.readUIntLE(start + 7, 3) };
    } else if (type === 'VP8 ') frame = readVp8(bytes, start, size);
    else if (type === 'VP8L') frame = readVp8Lossless(bytes, start, size);
    else if (type === 'ANMF') throw new Corrupt('an animated WebP');
    at = start + size + (size % 2);
  }
  if (at !== end) throw new Corrupt('WebP chunks do not fill the RIFF');
  if (!frame) throw new Corrupt('WebP without a picture chunk');
  // A still picture fills its canvas; a larger one under a small canvas would slip past the pixel limit.
  if (canvas && (canvas.width !== frame.width || canvas.height !== frame.height)) {
    throw new Corrupt('WebP canvas and picture differ in size');
  }
  return frame;
}

// RFC 6386, section 9.1: a 3-byte frame tag, the start code 9d 01 2a, then 14 bits each of width and height.
function readVp8(bytes: Buffer, start: number, size: number): { width: number; height: number } {
  if (size < 10) throw new Corrupt('WebP picture chunk too small');
  const tag = bytes.readUIntLE(start, 3);
  if ((tag & 1) !== 0 || bytes.readUIntBE(start + 3, 3) !== 0x9d012a) throw new Corrupt('WebP picture is no key frame');
  if (tag >> 5 > size - 10) throw new Corrupt('WebP first partition runs past its chunk');
  return { width: bytes.readUInt16LE(start + 6) & 0x3fff, height: bytes.readUInt16LE(start + 8) & 0x3fff };
}

function readVp8Lossless(bytes: Buffer, start: number, size: number): { width: number; height: number } {
  if (size < 5 || bytes[start] !== 0x2f) throw new Corrupt('WebP lossless picture without its signature');
  const bits = bytes.readUInt32LE(start + 1);
  return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
}

function walkJpeg(bytes: Buffer): { width: number; height: number } {
  let dimensions: { width: number; height: number } | undefined;
  let scans = 0;
  let at = 2;
  for (;;) {
    if (bytes.readUInt8(at) !== 0xff) throw new Corrupt(`JPEG marker expected at byte ${at}`);
    while (bytes.readUInt8(at) === 0xff) at++; // any number of fill bytes may come before the marker's code
    const marker = bytes.readUInt8(at++);
    if (marker === 0xd9) break;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      if (marker === 0xd8) throw new Corrupt(`a second JPEG starts at byte ${at - 2}`);
      continue;
    }
    const length = bytes.readUInt16BE(at);
    if (length < 2 || at + length > bytes.length) throw new Corrupt(`JPEG segment at byte ${at - 2} runs past the end`);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) dimensions = { height: bytes.readUInt16BE(at + 3), width: bytes.readUInt16BE(at + 5) };
    at += length;
    if (marker === 0xda) {
      scans++;
      at = endOfScan(bytes, at);
    }
  }
  if (!dimensions) throw new Corrupt('JPEG without a frame header');
  if (scans === 0) throw new Corrupt('JPEG without a scan');
  // Cameras and some servers pad after EOI; anything else that is appended does not start with a zero or ff.
  if (at < bytes.length && bytes[at] !== 0 && bytes[at] !== 0xff)
    throw new Corrupt(`${bytes.length - at} bytes after EOI`);
  return dimensions;
}

/** Offset of the marker that ends entropy-coded data: ff not followed by a stuffed zero, a restart marker or another ff. */
function endOfScan(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) throw new Corrupt(`cut short: JPEG has no EOI after ${bytes.length} bytes`);
    const next = bytes[at + 1]!;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
    at += next === 0xff ? 1 : 2;
  }
}

function walkPng(bytes: Buffer): { width: number; height: number } {
  let dimensions: { width: number; height: number } | undefined;
  let hasData = false;
  let at = 8;
  for (;;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const next = at + 12 + length;
    if (next > bytes.length) throw new Corrupt(`cut short: PNG chunk ${JSON.stringify(type)} runs past the end`);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== bytes.readUInt32BE(at + 8 + length)) {
      throw new Corrupt(`PNG chunk ${JSON.stringify(type)} at byte ${at} has a wrong CRC`);
    }
    if (!dimensions) {
      if (type !== 'IHDR' || length !== 13) throw new Corrupt('PNG without its header chunk');
      dimensions = { width: bytes.readUInt32BE(at + 8), height: bytes.readUInt32BE(at + 12) };
    }
    if (type === 'IDAT') hasData = true;
    at = next;
    if (type === 'IEND') break;
  }
  if (!hasData) throw new Corrupt('PNG without picture data');
  if (at < bytes.length) throw new Corrupt(`${bytes.length - at} bytes after the end of the PNG`);
  return dimensions;
}

// ISO/IEC 15444-1, annex I: boxes of (length, type); length 0 reaches to the end of the file, length 1 has 64 bits after the type.
function walkJp2(bytes: Buffer): { width: number; height: number } {
  let dimensions: { width: number; height: number } | undefined;
  let hasCodestream = false;
  let at = 0;
  while (at < bytes.length) {
    const box = readBox(bytes, at, bytes.length);
    if (box.type === 'jp2h') {
      const header = readBox(bytes, box.start, box.end);
      if (header.type !== 'ihdr') throw new Corrupt('JP2 without its image header box');
      dimensions = { height: bytes.readUInt32BE(header.start), width: bytes.readUInt32BE(header.start + 4) };
    } else if (box.type === 'jp2c') {
      if (bytes.readUInt16BE(box.start) !== 0xff4f) throw new Corrupt('JP2 codestream without its start marker');
      if (bytes.readUInt16BE(box.end - 2) !== 0xffd9)
        throw new Corrupt('cut short: JP2 codestream without its end marker');
      hasCodestream = true;
    }
    at = box.end;
  }
  if (!dimensions) throw new Corrupt('JP2 without its header box');
  if (!hasCodestream) throw new Corrupt('JP2 without a codestream');
  return dimensions;
}

function readBox(bytes: Buffer, at: number, limit: number): { type: string; start: number; end: number } {
  const short = bytes.readUInt32BE(at);
  const type = bytes.toString('latin1', at + 4, at + 8);
  const start = short === 1 ? at + 16 : at + 8;
  const length = short === 0 ? limit - at : short === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : short;
  const end = at + length;
  if (end > limit || end < start) throw new Corrupt(`JP2 box ${JSON.stringify(type)} at byte ${at} does not fit`);
  return { type, start, end };
}

function describeStart(bytes: Buffer): string {
  const start = bytes.toString('latin1', 0, 256).trimStart().toLowerCase();
  if (start.startsWith('<!doctype html') || start.startsWith('<html')) return 'an HTML page';
  if (start.startsWith('<?xml') || start.startsWith('<')) return 'an XML or HTML page';
  if (start.startsWith('{')) return 'JSON';
  return `starts with ${bytes.subarray(0, 8).toString('hex')}`;
}
