// A worker in a process of its own that prepares as it should and then hangs in the middle of its first member, until it is killed.
import { setTimeout as pause } from 'node:timers/promises';
import { silentLog } from '@florilegium/log';
import { openObjectStore } from '@florilegium/object-store';
import { createStore } from '../src/store.ts';
import { type Compute, createCompute } from '../src/training/compute.ts';
import { fakeNeighbours, labelsOf } from './fake-neighbours.ts';
import { type Meeting, meet, startRigWorkers } from './trainer-rig.ts';

const [meetingJson, labelSetId] = process.argv.slice(2) as [string, string];
const meeting: Meeting = JSON.parse(meetingJson);
const { db, messaging } = await meet(meeting, []);
const sound = createCompute(1, 'wasm', silentLog);
const compute: Compute = {
  ...sound,
  run: async (task, options) => {
    if (task.kind !== 'train-member') return await sound.run(task, options);
    console.log('in the middle of a member');
    await pause(600_000);
    throw new Error('was not killed');
  },
};
const neighbours = fakeNeighbours();
neighbours.addLabelSet(labelSetId, labelsOf(1, 120));
const objects = await openObjectStore(meeting.objectStoreUrl);
await startRigWorkers({ db, messaging, store: createStore(db), objects, compute, briefCompute: compute }, neighbours);
