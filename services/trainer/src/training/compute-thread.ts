// The thread that multiplies: one task at a time, so that the thread that serves and beats never waits for arithmetic.
import { parentPort, workerData } from 'node:worker_threads';
import {
  calibrateEnsemble,
  calibrateNetworks,
  chooseL2,
  selectBackend,
  type TensorflowBackend,
  trainMember,
  trainNetwork,
} from '@florilegium/ensemble';
import { AppError, messageOf } from '@florilegium/errors';
import type { ComputeTask, FromComputeThread } from './compute.ts';
import { decodeDataset } from './dataset.ts';

const port = parentPort!;
const tell = (message: FromComputeThread, handedOver: ArrayBuffer[] = []) => port.postMessage(message, handedOver);
const onEpoch = (epoch: number, loss: number, stopLoss?: number) => tell({ type: 'epoch', epoch, loss, stopLoss });
const log = {
  info: (fields: object, text: string) => tell({ type: 'log', level: 'info', fields, text }),
  warn: (fields: object, text: string) => tell({ type: 'log', level: 'warn', fields, text }),
};

port.on('message', async (task: ComputeTask) => {
  try {
    const tensorflowBackend = await selectBackend((workerData as { wanted: TensorflowBackend | 'auto' }).wanted, log);
    tell({ type: 'done', result: { tensorflowBackend, ...perform(task) } });
  } catch (error) {
    const code = error instanceof AppError ? error.code : 'internal';
    tell({ type: 'failed', code, message: messageOf(error) });
  }
});

/** The members of an ensemble come one after the other with the same dataset: it is decoded and standardised once. */
let latest: { bytes: Uint8Array; set: ReturnType<typeof decodeDataset> } | undefined;

function decodeOnce(bytes: Uint8Array) {
  if (!latest || Buffer.compare(latest.bytes, bytes) !== 0) latest = { bytes, set: decodeDataset(bytes) };
  return latest.set;
}

function perform(task: ComputeTask) {
  const set = decodeOnce(task.dataset);
  switch (task.kind) {
    case 'choose-l2':
      return chooseL2(set, task.parameters);
    case 'train-member': {
      const { member, l2, parent } = task;
      return trainMember(set, task.parameters, { member, l2, parent, onEpoch });
    }
    case 'calibrate':
      return calibrateEnsemble(
        set,
        task.parameters,
        task.logits.map((outOfFoldLogits) => ({ outOfFoldLogits })),
      );
    case 'train-network': {
      const { images: pixels, parameters, member, parent, checkpoint, checkpointEveryMs } = task;
      return trainNetwork({ ...set, pixels }, parameters, {
        member,
        parent,
        checkpoint,
        checkpointEveryMs,
        onEpoch,
        onCheckpoint: (bytes) => tell({ type: 'checkpoint', bytes }, [bytes.buffer as ArrayBuffer]),
        onCheckpointRefused: (reason) => log.warn({ member, reason }, 'checkpoint refused, the member begins anew'),
      });
    }
    case 'calibrate-networks':
      return calibrateNetworks(set.labels, task.logits);
  }
}
