import * as catalog from './gen/florilegium/catalog/v1/events.ts';
import * as curation from './gen/florilegium/curation/v1/events.ts';
import * as fetcher from './gen/florilegium/fetcher/v1/events.ts';
import * as inference from './gen/florilegium/inference/v1/events.ts';
import * as trainer from './gen/florilegium/trainer/v1/events.ts';

/** What binds an event's type to the bytes on the wire. */
export interface EventCodec<Payload> {
  encode(message: Payload): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Payload;
  toJSON(message: Payload): unknown;
}

const of = <Payload>(codec: EventCodec<Payload>) => codec;

/**
 * Every event: name → codec. The name is `<service>.<thing>.<past tense>`, the subject is made from it, and only the service
 * in its first part may publish it. Events are past facts; anybody may hear them.
 */
export const events = {
  'catalog.import.completed': of<catalog.ImportCompleted>(catalog.ImportCompleted),
  'catalog.import.failed': of<catalog.ImportFailed>(catalog.ImportFailed),
  'catalog.import.cancelled': of<catalog.ImportCancelled>(catalog.ImportCancelled),
  'catalog.page_set.created': of<catalog.PageSetCreated>(catalog.PageSetCreated),
  'fetcher.image_batch.stored': of<fetcher.ImageBatchStored>(fetcher.ImageBatchStored),
  'fetcher.fetch_run.completed': of<fetcher.FetchRunCompleted>(fetcher.FetchRunCompleted),
  'fetcher.fetch_run.failed': of<fetcher.FetchRunFailed>(fetcher.FetchRunFailed),
  'fetcher.fetch_run.cancelled': of<fetcher.FetchRunCancelled>(fetcher.FetchRunCancelled),
  'inference.run.completed': of<inference.RunCompleted>(inference.RunCompleted),
  'inference.run.failed': of<inference.RunFailed>(inference.RunFailed),
  'inference.run.cancelled': of<inference.RunCancelled>(inference.RunCancelled),
  'curation.label_set.frozen': of<curation.LabelSetFrozen>(curation.LabelSetFrozen),
  'curation.iteration.cancelled': of<curation.IterationCancelled>(curation.IterationCancelled),
  'curation.iteration.predicted': of<curation.IterationPredicted>(curation.IterationPredicted),
  'curation.hq_list.published': of<curation.HqListPublished>(curation.HqListPublished),
  'trainer.ensemble.trained': of<trainer.EnsembleTrained>(trainer.EnsembleTrained),
  'trainer.training.failed': of<trainer.TrainingFailed>(trainer.TrainingFailed),
  'trainer.training.cancelled': of<trainer.TrainingCancelled>(trainer.TrainingCancelled),
};

export type EventName = keyof typeof events;
export type EventPayload<Name extends EventName> =
  (typeof events)[Name] extends EventCodec<infer Payload> ? Payload : never;

const prefix = 'florilegium.';
const suffix = '.v1';

/** `trainer.ensemble.trained` → `florilegium.trainer.ensemble.trained.v1`. */
export function subjectOf(name: EventName): string {
  return `${prefix}${name}${suffix}`;
}

/** The event that a subject carries, or undefined for a subject this table does not know. */
export function eventNameOf(subject: string): EventName | undefined {
  if (!subject.startsWith(prefix) || !subject.endsWith(suffix)) return undefined;
  const name = subject.slice(prefix.length, -suffix.length);
  return Object.hasOwn(events, name) ? (name as EventName) : undefined;
}

export function encodeEvent<Name extends EventName>(name: Name, payload: EventPayload<Name>): Uint8Array {
  return (events[name] as unknown as EventCodec<EventPayload<Name>>).encode(payload).finish();
}

export function decodeEvent<Name extends EventName>(name: Name, bytes: Uint8Array): EventPayload<Name> {
  return (events[name] as unknown as EventCodec<EventPayload<Name>>).decode(bytes);
}
