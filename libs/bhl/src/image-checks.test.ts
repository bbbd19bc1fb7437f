import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { checkImage, defaultImageLimits } from './image-checks.ts';

const picture = sharp({
  create: {
    width: 40,
    height: 30,
    channels: 3,
    background: '#a08060',
    noise: { type: 'gaussian', mean: 128, sigma: 60 },
  },
});
const samples: Record<string, Buffer> = {
  'lossy WebP': await picture.clone().webp({ quality: 70 }).toBuffer(),
  'lossless WebP': await picture.clone().webp({ lossless: true }).toBuffer(),
  'WebP with metadata': await picture.clone().withMetadata().webp().toBuffer(),
  'baseline JPEG': await picture.clone().jpeg().toBuffer(),
  'progressive JPEG': await picture.clone().jpeg({ progressive: true }).withMetadata().toBuffer(),
  PNG: await picture.clone().png().toBuffer(),
  JP2: aJp2(40, 30),
};
const formats: Record<string, string> = { PNG: 'png', JP2: 'jp2' };

describe.each(Object.entries(samples))('a %s', (name, bytes) => {
  it('is accepted whole, with its size from the header', () => {
    const format = formats[name] ?? (name.includes('WebP') ? 'webp' : 'jpg');
    expect(checkImage(bytes)).toEqual({ kind: 'ok', format, width: 40, height: 30 });
  });

  it('is corrupt cut at any byte', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(checkImage(bytes.subarray(0, length)).kind, `cut to ${length} of ${bytes.length}`).toBe('corrupt');
    }
  });

  it('is corrupt with an error page behind it', () => {
    expect(checkImage(Buffer.concat([bytes, Buffer.from('<html>Bad gateway</html>')])).kind).toBe('corrupt');
  });

  it('is refused over the limits on bytes and pixels', () => {
    const tooLarge = checkImage(bytes, { ...defaultImageLimits, imageBytesMax: bytes.length - 1 });
    expect(tooLarge).toMatchObject({ kind: 'corrupt', reason: expect.stringContaining('over the limit') });
    const tooMany = checkImage(bytes, { ...defaultImageLimits, imagePixelsMax: 1199 });
    expect(tooMany).toEqual({ kind: 'corrupt', reason: '40 x 30 pixels, over the limit of 1199' });
    expect(checkImage(bytes, { ...defaultImageLimits, imagePixelsMax: 1200 }).kind).toBe('ok');
  });
});

it('names what came in the place of an image', () => {
  const reason = (text: string) => {
    const check = checkImage(Buffer.from(text));
    return check.kind === 'corrupt' ? check.reason : check.kind;
  };
  expect(reason('<!DOCTYPE html><html><body>Please wait</body></html>')).toBe('not an image: an HTML page');
  expect(reason('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>')).toBe(
    'not an image: an XML or HTML page',
  );
  expect(reason('{"error":"busy, come again"}')).toBe('not an image: JSON');
  expect(reason('')).toBe('empty');
});

it('finds a flipped bit in a PNG by its CRC', () => {
  const bytes = Buffer.from(samples.PNG!);
  bytes[bytes.length - 30]! ^= 1;
  expect(checkImage(bytes)).toMatchObject({ kind: 'corrupt', reason: expect.stringContaining('CRC') });
});

it('refuses a WebP whose canvas hides a larger picture', () => {
  const bytes = Buffer.from(samples['WebP with metadata']!);
  bytes.writeUIntLE(0, 24, 3);
  expect(checkImage(bytes)).toMatchObject({ kind: 'corrupt', reason: expect.stringContaining('differ') });
});

it('never throws on noise behind right magic bytes', () => {
  const noise = Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 1103515245 + 12345) >> 8));
  for (const bytes of Object.values(samples)) {
    for (let kept = 12; kept < 40; kept++) {
      expect(checkImage(Buffer.concat([bytes.subarray(0, kept), noise])).kind).toBe('corrupt');
    }
  }
});

/** sharp writes no JP2, so the boxes are laid by hand: signature, file type, header with image header, codestream. */
function aJp2(width: number, height: number): Buffer {
  const box = (type: string, ...content: Buffer[]) => {
    const body = Buffer.concat(content);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length + 8);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, body]);
  };
  const imageHeader = Buffer.alloc(14);
  imageHeader.writeUInt32BE(height, 0);
  imageHeader.writeUInt32BE(width, 4);
  const codestream = Buffer.concat([
    Buffer.from([0xff, 0x4f, 0xff, 0x51]),
    deflateSync(Buffer.alloc(300, 7)),
    Buffer.from([0xff, 0xd9]),
  ]);
  return Buffer.concat([
    box('jP  ', Buffer.from([0x0d, 0x0a, 0x87, 0x0a])),
    box('ftyp', Buffer.from('jp2 \0\0\0\0jp2 ', 'latin1')),
    box('jp2h', box('ihdr', imageHeader)),
    box('jp2c', codestream),
  ]);
}
