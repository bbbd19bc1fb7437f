// Runs in a worker thread: pixels in, probabilities out. A forward pass of a network blocks its thread for up to seconds.
import { workerData } from 'node:worker_threads';
import { createNetworkPredictor, type NetworkPredictor, selectBackend } from '@florilegium/ensemble';
import { internal } from '@florilegium/errors';
import { openObjectStore } from '@florilegium/object-store';
import { ensembleArtifacts } from '../clients/ensemble-artifacts.client.ts';
import { answerRequests, log } from '../threads/answer-requests.ts';

export interface NetworkThreadSetup {
  objectStoreUrl: string;
}
export interface NetworkRequest {
  manifestKey: string;
  manifestSha256: string;
  /** Side of the squares that `pixels` holds, 3 x side x side bytes a page. */
  side: number;
  pixels: Uint8Array<ArrayBuffer>;
}

const { objectStoreUrl } = workerData as NetworkThreadSetup;

/** One at a time: five AlexNets are 1.1 GB. */
let loaded: { manifestSha256: string; side: number; predictor: NetworkPredictor } | undefined;

answerRequests(async (request: NetworkRequest) => {
  const { predictor, side } = await load(request);
  if (side !== request.side) throw internal(`the ensemble wants squares of side ${side}, not ${request.side}`);
  const probabilities = predictor.predict(request.pixels) as Float32Array<ArrayBuffer>;
  return { answer: probabilities, handOver: [probabilities.buffer] };
});

async function load({ manifestKey, manifestSha256 }: NetworkRequest) {
  if (loaded?.manifestSha256 === manifestSha256) return loaded;
  await selectBackend('auto', log);
  const artifacts = ensembleArtifacts(await openObjectStore(objectStoreUrl));
  const unpacked = await artifacts.load(manifestKey, manifestSha256);
  if (unpacked.method !== 'finetune') throw internal(`${manifestKey} is not an ensemble of networks`);
  loaded?.predictor.dispose();
  const { side } = unpacked.ensemble;
  loaded = { manifestSha256, side, predictor: createNetworkPredictor(unpacked.ensemble) };
  return loaded;
}
