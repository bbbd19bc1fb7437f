import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { FinetuneParameters } from '../finetune-parameters.ts';

/** Changes with anything below that changes a pixel: networks are never given pixels made another way than those they trained on. */
const recipe = 'squash-1';

/** More pixels than any scanner in BHL gives; beyond it an image is a bomb. */
const pixelsMax = 200_000_000;

/**
 * A page of any format squashed to a square: red, green, blue from 0 to 255, 3 x side x side bytes. Runs off this thread. @throws Error when
 * the image is cut or corrupt
 */
export async function decodePixels(content: Uint8Array, side: number): Promise<Uint8Array> {
  const { data, info } = await sharp(content, { limitInputPixels: pixelsMax, failOn: 'error' })
    .resize(side, side, { fit: 'fill' })
    .toColourspace('srgb')
    .flatten({ background: '#fff' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, not 3`);
  return data;
}

/** Names what a network looks at, where an ensemble of heads names the backbone of its embeddings. */
export function networkBackbone({ architecture, side }: Pick<FinetuneParameters, 'architecture' | 'side'>): {
  name: string;
  sha256: string;
} {
  const sha256 = createHash('sha256').update(JSON.stringify({ architecture, side, recipe })).digest('hex');
  return { name: `${architecture}-${side}`, sha256 };
}
