// Trains the same small heads and networks on the backend that the thread is started with.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@florilegium/errors';
import { selectBackend, type TensorflowBackend } from './backend.ts';
import { readFinetuneParameters } from './finetune-parameters.ts';
import { labelledImages } from './network/images.fixture.ts';
import { trainNetwork } from './network/train-network.ts';
import { trainMember } from './probe.ts';
import { readProbeParameters } from './probe-parameters.ts';
import { aTrainingSet, silentLog } from './training-set.fixture.ts';

export type Conformance =
  | { backend: TensorflowBackend; absent: string }
  | { backend: TensorflowBackend; headLoss: number; networkLosses: number[]; seconds: number };

const backend = workerData as TensorflowBackend;
const tell = (result: Conformance) => parentPort!.postMessage(result);
try {
  await selectBackend(backend, silentLog);
  const startedAt = performance.now();
  const head = trainMember(aTrainingSet(), readProbeParameters({}), { member: 0, l2: 0.03 });
  const networkLosses: number[] = [];
  const parameters = readFinetuneParameters({ architecture: 'small', side: 32, epochsMax: 3, batchPages: 16 });
  trainNetwork(labelledImages({ side: 32 }), parameters, {
    member: 0,
    onEpoch: (_, loss, stopLoss) => networkLosses.push(loss, stopLoss!),
  });
  tell({ backend, headLoss: head.loss, networkLosses, seconds: (performance.now() - startedAt) / 1000 });
} catch (error) {
  tell({ backend, absent: messageOf(error).split('\n', 1)[0]! });
}
