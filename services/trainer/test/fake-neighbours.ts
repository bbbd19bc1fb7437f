import type { PageLabel } from '@florilegium/ensemble/arithmetic';
import { notFound } from '@florilegium/errors';
import { randomFrom } from '@florilegium/random';
import sharp from 'sharp';
import type { PrepareTrainingDeps } from '../src/usecases/prepare-training.ts';

const dims = 16;
const pagesOfItem = 8;

/** What the three neighbours would tell of a made-up library: the first dimension of an embedding tells HQ from LQ. */
export interface FakeNeighbours extends Pick<PrepareTrainingDeps, 'curation' | 'catalog' | 'inference' | 'fetcher'> {
  addLabelSet(id: string, labels: Map<number, PageLabel>): void;
  /** Pages whose embedding is still to come, for so many more askings. */
  pending: Map<number, number>;
  unavailable: Set<number>;
  /** Pages whose image is no image, and whose embedding is not finite. */
  corrupt: Set<number>;
  reported: { pageId: number; reason: string }[];
  backboneSha256: string;
}

export function fakeNeighbours(): FakeNeighbours {
  const labelSets = new Map<string, Map<number, PageLabel>>();
  const fake: FakeNeighbours = {
    addLabelSet: (id, labels) => void labelSets.set(id, labels),
    pending: new Map(),
    unavailable: new Set(),
    corrupt: new Set(),
    reported: [],
    backboneSha256: 'b'.repeat(64),
    curation: {
      readLabelSet: async (labelSetId) => {
        const labels = labelSets.get(labelSetId);
        if (!labels) throw notFound('label set', labelSetId);
        return { pages: [...labels].map(([pageId, label]) => ({ pageId, label })), sha256: 'a'.repeat(64) };
      },
    },
    catalog: { itemsOf: async (pageIds) => new Map(pageIds.map((pageId) => [pageId, itemOf(pageId)])) },
    fetcher: {
      imageStates: async (pageIds) =>
        pageIds.map((pageId) => {
          if (fake.unavailable.has(pageId)) return { pageId, kind: 'none' as const, why: 'image missing: 404' };
          const pending = fake.pending.get(pageId) ?? 0;
          if (pending > 0) fake.pending.set(pageId, pending - 1);
          return { pageId, kind: pending > 0 ? ('awaited' as const) : ('stored' as const) };
        }),
      async *streamImages(pageIds) {
        for (const pageId of pageIds) {
          const content = fake.corrupt.has(pageId) ? Buffer.from('not an image') : await imageOf(pageId);
          yield { pageId, sha256: 'c'.repeat(64), content };
        }
      },
      reportCorruptImage: async (image) => void fake.reported.push(image),
    },
    inference: {
      currentBackbone: async () => ({ name: 'fake', sha256: fake.backboneSha256, dimensions: dims }),
      countEmbedded: async () => 0,
      async *streamEmbeddings(pageIds) {
        const pendingPageIds = pageIds.filter((pageId) => (fake.pending.get(pageId) ?? 0) > 0);
        for (const pageId of pendingPageIds) fake.pending.set(pageId, fake.pending.get(pageId)! - 1);
        const unavailablePageIds = pageIds.filter((pageId) => fake.unavailable.has(pageId));
        const ready = pageIds.filter(
          (pageId) => !pendingPageIds.includes(pageId) && !unavailablePageIds.includes(pageId),
        );
        yield {
          pageIds: ready,
          halves: Buffer.concat(
            ready.map((pageId) => (fake.corrupt.has(pageId) ? Buffer.alloc(2 * dims, 0x7e) : embeddingOf(pageId))),
          ),
          pendingPageIds,
          unavailablePageIds,
        };
      },
    },
  };
  return fake;
}

export const isHqPage = (pageId: number) => pageId % 3 === 0;
const itemOf = (pageId: number) => 1000 + Math.floor(pageId / pagesOfItem);

/** `count` pages from `first` on, each with its true label; every `notSureEvery`th is NOT_SURE. */
export function labelsOf(first: number, count: number, notSureEvery = 0): Map<number, PageLabel> {
  const labelOf = (pageId: number): PageLabel => {
    if (notSureEvery > 0 && pageId % notSureEvery === 0) return 'NOT_SURE';
    return isHqPage(pageId) ? 'HQ' : 'LQ';
  };
  return new Map(Array.from({ length: count }, (_, at) => [first + at, labelOf(first + at)]));
}

/** Sixteen halves: quarters between -4 and 4, which halves hold exactly. */
export function embeddingOf(pageId: number): Buffer {
  const random = randomFrom(pageId);
  const values = Array.from({ length: dims }, () => Math.round(16 * random.next() - 8) / 4);
  values[0]! += isHqPage(pageId) ? 2 : -2;
  const halves = Buffer.alloc(2 * dims);
  for (const [dim, value] of values.entries()) halves.writeUInt16LE(halfOf(value), 2 * dim);
  return halves;
}

/** A page of 40 x 60 pixels: a red square on HQ pages, grey lines on the others, on paper of the item's own tone. */
export async function imageOf(pageId: number): Promise<Buffer> {
  const random = randomFrom(pageId);
  const [width, height] = [40, 60];
  const pixels = Buffer.alloc(3 * width * height);
  const paper = 180 + (itemOf(pageId) % 7) * 8;
  const [left, top] = [random.below(20), random.below(40)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inSquare = isHqPage(pageId) && x >= left && x < left + 20 && y >= top && y < top + 20;
      const onLine = !isHqPage(pageId) && y % 6 < 2;
      for (let channel = 0; channel < 3; channel++) {
        const tone = inSquare ? (channel === 0 ? 190 : 60) : onLine ? 90 : paper;
        pixels[3 * (y * width + x) + channel] = tone + random.below(20);
      }
    }
  }
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Of numbers that need no rounding. */
function halfOf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction;
}
