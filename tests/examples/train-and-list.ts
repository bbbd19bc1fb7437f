// Example: another application talks gRPC to Florilegium. It trains an ensemble on a frozen label set, follows the training, then streams
// the newest published HQ list.
//
//   node tests/examples/train-and-list.ts --trainer 127.0.0.1:7005 --curation 127.0.0.1:7004 [--key API_KEY]
import { parseArgs } from 'node:util';
import { CurationServiceDefinition } from '@florilegium/contracts/curation';
import { TrainerServiceDefinition } from '@florilegium/contracts/trainer';
import { createChannel, createClientFactory, Metadata } from 'nice-grpc';

const { values } = parseArgs({
  options: {
    trainer: { type: 'string' },
    curation: { type: 'string' },
    key: { type: 'string' },
  },
});
if (!values.trainer || !values.curation)
  throw new Error('usage: train-and-list.ts --trainer HOST:PORT --curation HOST:PORT [--key API_KEY]');

const metadata = values.key ? Metadata({ authorization: `Bearer ${values.key}` }) : undefined;
const signal = AbortSignal.timeout(120_000);
const channels = [createChannel(values.trainer), createChannel(values.curation)] as const;
const clients = createClientFactory();
const options = { '*': { metadata, signal } };
const trainer = clients.create(TrainerServiceDefinition, channels[0], options);
const curation = clients.create(CurationServiceDefinition, channels[1], options);

// The label set of the first iteration, trained again with another seed, outside any iteration.
const { iteration } = await curation.getIteration({ number: 1 });
const { training } = await trainer.startTraining({
  labelSetId: iteration!.labelSetId,
  method: 'probe',
  parametersJson: JSON.stringify({ seed: 7 }),
});
console.log(`training ${training!.run!.id} on ${iteration!.labelCount} labels`);

for await (const { training: now } of trainer.followTraining({ trainingId: training!.run!.id })) {
  console.log(`${now!.run!.state} ${now!.phase} ${now!.membersDone}/${now!.memberCount} members`);
  if (now!.run!.state === 'RUN_STATE_FAILED') throw new Error(now!.run!.reason);
  if (now!.scores)
    console.log(`out of fold: accuracy ${now!.scores.accuracy.toFixed(3)}, AUC ${now!.scores.auc.toFixed(3)}`);
}

const { hqLists } = await curation.listHqLists({});
const newest = hqLists.filter((list) => list.state === 'published').at(-1);
if (!newest) throw new Error('no HQ list is published yet');
let count = 0;
for await (const { pages } of curation.streamHqList({ version: newest.version, afterPageId: 0 })) count += pages.length;
console.log(`HQ list v${newest.version}: ${count} pages, precision ${newest.precision.toFixed(3)}`);
for (const channel of channels) channel.close();
