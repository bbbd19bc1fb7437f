import type { Store } from '../store.ts';

const batchEvents = 5000;

/** All label events as JSON lines in the order of their ids; a few thousand are in memory at once. */
export async function* exportLabelEvents({ store }: { store: Store }): AsyncGenerator<string> {
  for (let after = 0; ; ) {
    const events = await store.labels.readEvents(after, batchEvents);
    if (events.length > 0) yield `${events.map((event) => JSON.stringify(event)).join('\n')}\n`;
    if (events.length < batchEvents) return;
    after = events.at(-1)!.id;
  }
}
