// Runs in a worker thread: rasters in, embeddings out. The forward pass and the statistics block whatever thread they are in.
import { parentPort, workerData } from 'node:worker_threads';
import { type BackboneSession, openBackboneSession } from './backbone-session.ts';
import type { BackboneManifest, ExecutionProvider } from './backbones.ts';
import { openPageKernels, type PageKernels } from './page-kernels.ts';
import { RASTER_SIDE } from './page-raster.ts';
import { pageStatistics, STATISTICS_DIMS } from './page-statistics.ts';
import { resamplePage } from './resample-page.ts';

/** What the thread is started with. */
export interface ThreadSetup {
  backbone: { manifest: BackboneManifest; file: string; executionProvider: ExecutionProvider } | undefined;
}
export interface ThreadRequest {
  pages: { rgb: Uint8Array<ArrayBuffer>; aspect: number }[];
}
export type ThreadReply =
  | { kind: 'ready' }
  | { kind: 'embedded'; values: Float32Array<ArrayBuffer> }
  | { kind: 'failed'; reason: string };

const HALF = RASTER_SIDE / 2;

const port = parentPort;
if (port) {
  const { backbone } = workerData as ThreadSetup;
  const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const failed = (error: unknown) =>
    reply({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  try {
    const session =
      backbone && (await openBackboneSession(backbone.manifest, backbone.file, backbone.executionProvider));
    const dimensions = (backbone?.manifest.dimensions ?? 0) + STATISTICS_DIMS;
    const side = backbone?.manifest.input.side ?? HALF;
    const kernels = openPageKernels();
    // One batch after the other, in the order they came.
    let last = Promise.resolve();
    port.on('message', ({ pages }: ThreadRequest) => {
      last = last.then(async () => {
        try {
          const values = await embed(pages, kernels, session, { dimensions, side });
          reply({ kind: 'embedded', values }, [values.buffer]);
        } catch (error) {
          failed(error);
        }
      });
    });
    reply({ kind: 'ready' });
  } catch (error) {
    failed(error);
  }
}

async function embed(
  pages: ThreadRequest['pages'],
  kernels: PageKernels,
  session: BackboneSession | undefined,
  { dimensions, side }: { dimensions: number; side: number },
): Promise<Float32Array<ArrayBuffer>> {
  const values = new Float32Array(pages.length * dimensions);
  const features = dimensions - STATISTICS_DIMS;
  const pageBytes = side * side * 3;
  const pixels = new Uint8Array(session ? pages.length * pageBytes : 0);
  for (const [index, page] of pages.entries()) {
    pageStatistics(page, kernels, values, index * dimensions + features);
    if (session && side === HALF) pixels.set(kernels.half, index * pageBytes);
    else if (session) resamplePage(page.rgb, side, pixels, index * pageBytes);
  }
  if (session) {
    const output = await session.run(pixels, pages.length);
    for (let index = 0; index < pages.length; index++)
      values.set(output.subarray(index * features, (index + 1) * features), index * dimensions);
  }
  if (!values.every(Number.isFinite)) throw new Error('an embedding holds a number that is not finite');
  return values;
}
