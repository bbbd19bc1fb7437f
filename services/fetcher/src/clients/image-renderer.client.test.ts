import sharp from 'sharp';
import { expect, it } from 'vitest';
import { imageRenderer } from './image-renderer.client.ts';

const size = { width: 20, height: 20 };
const bytes = await sharp({ create: { ...size, channels: 3, background: '#cba' } })
  .webp()
  .toBuffer();
const plan = {
  region: { left: 0, top: 0, ...size },
  size,
  isMirrored: false,
  degrees: 0,
  quality: 'default',
  format: 'png',
  canonicalPath: '',
} as const;
const wanted = new AbortController().signal;

it('reads an image when its turn comes: those who wait hold nothing, and who comes too late reads nothing', async () => {
  const renderImage = imageRenderer({ rendersInFlightMax: 1, rendersWaitingMax: 2, imagePixelsMax: 1e6 });
  let reads = 0;
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const read = async () => {
    reads += 1;
    await gate;
    return { bytes, ...size };
  };
  const renders = Array.from({ length: 4 }, () => renderImage(read, size, plan, wanted));
  await expect(renders[3]).rejects.toMatchObject({ code: 'resource_exhausted' });
  expect(reads).toBe(1);
  open();
  expect((await Promise.all(renders.slice(0, 3))).every((picture) => picture.length > 0)).toBe(true);
  expect(reads).toBe(3);
});

it('lets those leave the queue whom nobody waits for, and gives their room to others', async () => {
  const renderImage = imageRenderer({ rendersInFlightMax: 1, rendersWaitingMax: 1, imagePixelsMax: 1e6 });
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = renderImage(async () => gate.then(() => ({ bytes, ...size })), size, plan, wanted);
  const left = new AbortController();
  let isRead = false;
  const abandoned = renderImage(
    async () => {
      isRead = true;
      return { bytes, ...size };
    },
    size,
    plan,
    left.signal,
  );
  left.abort(new Error('gone'));
  await expect(abandoned).rejects.toThrow('gone');
  const next = renderImage(async () => ({ bytes, ...size }), size, plan, wanted);
  open();
  await Promise.all([first, next]);
  expect(isRead).toBe(false);
});
