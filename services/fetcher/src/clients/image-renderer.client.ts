import { resourceExhausted } from '@florilegium/errors';
import sharp from 'sharp';
import type { Dimensions, IiifPlan } from '../domain/iiif-image.ts';

/**
 * Turns an image, which may be smaller than the full one that the plan speaks of, into what was asked for. It is read when its turn comes, so that those
 * who wait hold nothing; who is no longer wanted leaves the queue.
 */
export type RenderImage = (
  read: () => Promise<{ bytes: Buffer } & Dimensions>,
  full: Dimensions,
  plan: IiifPlan,
  signal: AbortSignal,
) => Promise<Buffer>;

const secondsMax = 30;

export function imageRenderer(options: {
  rendersInFlightMax: number;
  rendersWaitingMax: number;
  imagePixelsMax: number;
}): RenderImage {
  let inFlight = 0;
  const waiting: (() => void)[] = [];

  const place = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const take = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        waiting.splice(waiting.indexOf(take), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(take);
    });

  async function inTurn<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    signal.throwIfAborted();
    if (inFlight >= options.rendersInFlightMax) {
      if (waiting.length >= options.rendersWaitingMax)
        throw resourceExhausted('too many images are being made', { retryAfterMs: 2000 });
      await place(signal);
    } else inFlight += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // The place passes on without being free in between.
      if (next) next();
      else inFlight -= 1;
    }
  }

  return (read, full, plan, signal) =>
    inTurn(signal, async () => {
      const { bytes, width, height } = await read();
      const picture = sharp(bytes, { limitInputPixels: options.imagePixelsMax, sequentialRead: true })
        .extract(partOf(plan.region, full, { width, height }))
        .resize({ ...plan.size, fit: 'fill' });
      if (plan.isMirrored) picture.flop();
      if (plan.degrees !== 0) picture.rotate(plan.degrees, { background: 'white' });
      if (plan.quality === 'gray' || plan.quality === 'bitonal') picture.grayscale();
      if (plan.quality === 'bitonal') picture.threshold();
      if (plan.format === 'jpg') picture.flatten({ background: 'white' }).jpeg({ quality: 85 });
      else if (plan.format === 'png') picture.png();
      else picture.webp({ quality: 82 });
      return await picture.timeout({ seconds: secondsMax }).toBuffer();
    });
}

/** Decodes an image to its last pixel, a few lines in memory at a time; why it cannot be, or undefined. */
export async function findDecodeFault(bytes: Buffer, imagePixelsMax: number): Promise<string | undefined> {
  try {
    await sharp(bytes, { limitInputPixels: imagePixelsMax, sequentialRead: true, failOn: 'error' })
      // Without this a JPEG is decoded at an eighth of its size, which sees only a part of its data.
      .resize({ width: 16, fastShrinkOnLoad: false })
      .raw()
      .timeout({ seconds: secondsMax })
      .toBuffer();
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

/** The region of the full image, in pixels of a smaller one. */
function partOf(region: IiifPlan['region'], full: Dimensions, own: Dimensions): IiifPlan['region'] {
  const across = own.width / full.width;
  const down = own.height / full.height;
  const left = Math.min(Math.round(region.left * across), own.width - 1);
  const top = Math.min(Math.round(region.top * down), own.height - 1);
  return {
    left,
    top,
    width: Math.min(Math.max(Math.round(region.width * across), 1), own.width - left),
    height: Math.min(Math.max(Math.round(region.height * down), 1), own.height - top),
  };
}
