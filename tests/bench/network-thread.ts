// The backbone's session alone, batch after batch for as long as it is told: what an embedding would cost without its page statistics.
import { parentPort, workerData } from 'node:worker_threads';
import { openBackboneSession } from '../../services/inference/src/embedding/backbone-session.ts';
import type { BackboneManifest } from '../../services/inference/src/embedding/backbones.ts';

export interface NetworkThreadSetup {
  manifest: BackboneManifest;
  file: string;
  batchSize: number;
}

const { manifest, file, batchSize } = workerData as NetworkThreadSetup;
const session = await openBackboneSession(manifest, file);
const { side } = manifest.input;
const pixels = new Uint8Array(batchSize * side * side * 3).fill(200);
await session.run(pixels, batchSize);

/** Seconds in, pages a second out. */
parentPort!.on('message', async (seconds: number) => {
  const startedAt = performance.now();
  let count = 0;
  for (; performance.now() - startedAt < seconds * 1000; count += batchSize) await session.run(pixels, batchSize);
  parentPort!.postMessage((count * 1000) / (performance.now() - startedAt));
});
parentPort!.postMessage(0);
