// Trains the same small heads and networks on the backend that the thread is started with.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@florilegium/errors';
import * as tf from '@tensorflow/tfjs-core';
import { selectBackend, type TensorflowBackend } from './backend.ts';
import { readFinetuneParameters } from './finetune-parameters.ts';
import { labelledImages } from './network/images.fixture.ts';
import { trainNetwork } from './network/train-network.ts';
import { trainMember } from './probe.ts';
import { readProbeParameters } from './probe-parameters.ts';
import { aTrainingSet, silentLog } from './training-set.fixture.ts';

/** `cpu`, plain JavaScript, is there wherever these tests are: what the others come to is compared with something, always. */
export type ComparedBackend = TensorflowBackend | 'cpu';

export type Conformance =
  | { backend: ComparedBackend; absent: string }
  | { backend: ComparedBackend; headLoss: number; networkLosses: number[]; seconds: number };

const backend = workerData as ComparedBackend;
const tell = (result: Conformance) => parentPort!.postMessage(result);

async function select(): Promise<void> {
  if (backend !== 'cpu') return void (await selectBackend(backend, silentLog));
  await import('@tensorflow/tfjs-backend-cpu');
  await tf.setBackend('cpu');
}

// Only a backend that does not load is absent: one that fails while it trains fails the test.
const absent = await select().then(
  () => undefined,
  (error: unknown) => messageOf(error).split('\n', 1)[0]!,
);
if (absent !== undefined) tell({ backend, absent });
else {
  const startedAt = performance.now();
  const head = trainMember(aTrainingSet(), readProbeParameters({}), { member: 0, l2: 0.03 });
  const networkLosses: number[] = [];
  const parameters = readFinetuneParameters({ architecture: 'small', side: 16, epochsMax: 3, batchPages: 16 });
  trainNetwork(labelledImages({ side: 16 }), parameters, {
    member: 0,
    onEpoch: (_, loss, stopLoss) => networkLosses.push(loss, stopLoss!),
  });
  tell({ backend, headLoss: head.loss, networkLosses, seconds: (performance.now() - startedAt) / 1000 });
}
