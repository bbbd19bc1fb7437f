import { createHash, randomBytes } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { createBodyHasher } from './body-hasher.ts';
import { createBodyMemory } from './body-memory.ts';

const hasher = createBodyHasher();
const memory = createBodyMemory();
afterAll(() => hasher.close());

function bodyOf(content: Buffer) {
  const body = memory.take(content.length);
  content.copy(body.bytes);
  return body;
}
const sha256Of = (content: Buffer) => createHash('sha256').update(content).digest('hex');

it.each([0, 1, 20_000, 128 << 10, (128 << 10) + 1, 3 << 20])(
  'hashes %d bytes and leaves them as they are',
  async (length) => {
    const content = randomBytes(length);
    const body = bodyOf(content);
    expect(await hasher.sha256Of(body)).toBe(sha256Of(content));
    expect(body.bytes.equals(content)).toBe(true);
  },
);

it('hashes many at once, each its own, in memory that was used before', async () => {
  const contents = Array.from({ length: 40 }, (_, index) => randomBytes(200_000 + index));
  for (let round = 0; round < 2; round++)
    await Promise.all(
      contents.map(async (content) => {
        const body = bodyOf(content);
        expect(await hasher.sha256Of(body)).toBe(sha256Of(content));
        expect(body.bytes.equals(content)).toBe(true);
        body.release();
      }),
    );
});

it('fails whoever waits when it is closed', async () => {
  const closing = createBodyHasher();
  const waiting = closing.sha256Of(bodyOf(Buffer.alloc(8 << 20)));
  await closing.close();
  await expect(waiting).rejects.toMatchObject({ code: 'internal' });
});
