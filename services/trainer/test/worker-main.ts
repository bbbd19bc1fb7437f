// A worker in a process of its own, to be killed at any moment.
import { silentLog } from '@florilegium/log';
import { openObjectStore } from '@florilegium/object-store';
import { createStore } from '../src/store.ts';
import { createCompute } from '../src/training/compute.ts';
import { fakeNeighbours, labelsOf } from './fake-neighbours.ts';
import { type Meeting, meet, startRigWorkers } from './trainer-rig.ts';

const [meetingJson, labelSetId, pageCount] = process.argv.slice(2) as [string, string, string];
const meeting: Meeting = JSON.parse(meetingJson);
const { db, messaging } = await meet(meeting, []);
const neighbours = fakeNeighbours();
neighbours.addLabelSet(labelSetId, labelsOf(1, Number(pageCount)));
const objects = await openObjectStore(meeting.objectStoreUrl);
const compute = createCompute(1, 'wasm', silentLog);
await startRigWorkers({ db, messaging, store: createStore(db), objects, compute, briefCompute: compute }, neighbours);
console.log('ready');
