import sharp from 'sharp';
import { textElement } from '../sample-library/typeface.ts';

/** The picture BHL sends instead of an unknown page: a well-formed JPEG that says so. */
export async function drawPlaceholder(width: number, height: number): Promise<Buffer> {
  const size = width / 11;
  const line = (text: string, y: number) =>
    textElement(text, { x: width / 2, y, anchor: 'middle' }, { size, track: 0.03 }, [110, 110, 110]);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#eee"/><rect x="4" y="4" width="${width - 8}" height="${height - 8}" fill="none" stroke="#bbb" stroke-width="2"/>${line('Image', height * 0.45)}${line('Not Found', height * 0.45 + size * 1.4)}</svg>`;
  return await sharp(Buffer.from(svg)).jpeg({ quality: 80 }).toBuffer();
}
