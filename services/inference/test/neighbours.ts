import { createHash } from 'node:crypto';
import { createAuthenticator } from '@florilegium/auth';
import { CatalogServiceDefinition, type CatalogServiceImplementation, PageRef } from '@florilegium/contracts/catalog';
import {
  FetcherServiceDefinition,
  type FetcherServiceImplementation,
  type ImageInfo,
  type ImageState,
  type ReportCorruptImageRequest,
} from '@florilegium/contracts/fetcher';
import { notFound } from '@florilegium/errors';
import { silentLog } from '@florilegium/log';
import { startRpcServer } from '@florilegium/rpc';
import sharp from 'sharp';

export interface FakeImage {
  content: Buffer;
  sha256: string;
}

export function anImage(content: Buffer): FakeImage {
  return { content, sha256: createHash('sha256').update(content).digest('hex') };
}

/** A page of one colour with a dark square, so that every page differs. */
export async function aPageImage(pageId: number, version = 0): Promise<FakeImage> {
  const square = await sharp({
    create: { width: 10 + (pageId % 30), height: 20, channels: 3, background: '#222' },
  })
    .png()
    .toBuffer();
  const background = { r: 255 - ((pageId * 37) % 200), g: (pageId * 11) % 256, b: (60 + version * 90) % 256 };
  const page = sharp({ create: { width: 60, height: 90, channels: 3, background } });
  return anImage(
    await page
      .composite([{ input: square, left: 5, top: 5 + (pageId % 50) }])
      .webp()
      .toBuffer(),
  );
}

/** A catalog that knows the page sets it is given; the rule `illustrated` selects the pages of the set `all`. */
export function startCatalog(pageSets: Map<string, number[]>) {
  return serve<CatalogServiceImplementation>(CatalogServiceDefinition, {
    getPageSet: async ({ pageSetId }) => {
      const pages = pageSets.get(pageSetId);
      if (!pages) throw notFound('page set', pageSetId);
      return { pageSet: { id: pageSetId, pageCount: pages.length } };
    },
    async *streamPages({ selection }) {
      const pageIds = pageSets.get(selection?.$case === 'pageSetId' ? selection.value : 'all') ?? [];
      for (let from = 0; from < pageIds.length; from += 7)
        yield { pages: pageIds.slice(from, from + 7).map((pageId) => PageRef.fromPartial({ pageId })) };
    },
  });
}

export interface FakeFetcher {
  /** Stored images, or the state of a page that has none. */
  images: Map<number, FakeImage | ImageState>;
  reports: ReportCorruptImageRequest[];
  /** Awaited before each image is sent. */
  pace: () => Promise<void>;
}

export function startFetcher(fake: FakeFetcher) {
  const infoOf = (pageId: number): Partial<ImageInfo> => {
    const image = fake.images.get(pageId) ?? 'IMAGE_STATE_UNKNOWN';
    return typeof image === 'string'
      ? { pageId, state: image }
      : { pageId, state: 'IMAGE_STATE_STORED', sha256: image.sha256 };
  };
  return serve<FetcherServiceImplementation>(FetcherServiceDefinition, {
    getImageStates: async ({ pageIds, size }) => ({
      images: pageIds.map((pageId) => (size === 'IMAGE_SIZE_MEDIUM' ? infoOf(pageId) : { pageId })),
    }),
    async *streamImages({ pageIds }) {
      for (const pageId of pageIds) {
        await fake.pace();
        const image = fake.images.get(pageId);
        if (typeof image === 'object') yield { info: infoOf(pageId), content: image.content };
      }
    },
    reportCorruptImage: async (report) => {
      fake.reports.push(report);
      fake.images.set(report.pageId, 'IMAGE_STATE_CORRUPT');
      return {};
    },
  });
}

/** Serves the methods that the tests use over real gRPC. */
function serve<Implementation extends object>(
  definition: Parameters<typeof startRpcServer>[0]['definition'],
  partial: Partial<Implementation>,
) {
  const implementation = Object.fromEntries(
    Object.keys(definition.methods).map((name) => [
      name,
      partial[name as keyof Implementation] ??
        (async () => {
          throw new Error(`${name} is not part of these tests`);
        }),
    ]),
  );
  return startRpcServer({
    definition,
    implementation,
    authenticator: createAuthenticator({ required: false, keys: [] }),
    log: silentLog,
    host: '127.0.0.1',
    port: 0,
  });
}
