// What this tab decided, the newest last, so that it can be taken back step by step, after a refresh too.
import { signal } from '@preact/signals';
import type { Label, QueueName, QueuePage } from '../rest/shapes.ts';

export interface AskedPage extends QueuePage {
  queue: QueueName;
  iteration: number | null;
}

export interface GivenHere {
  page: AskedPage;
  label: Label;
  /** What was given here before it, and stands again when it is taken back. */
  before?: Label | undefined;
}

export interface Decided {
  /** Of the outbox's operation. */
  id: string;
  given: GivenHere[];
  /** Pages whose label the server refused, as somebody has read: taking it back changes nothing at the server. */
  refused?: number[];
}

const prefix = 'florilegium.done.';
const keyOf = (place: number) => prefix + String(place).padStart(9, '0');

const places = Object.keys(sessionStorage)
  .filter((key) => key.startsWith(prefix))
  .map((key) => Number(key.slice(prefix.length)))
  .sort((a, b) => a - b);
let first = places[0] ?? 0;
let next = (places.at(-1) ?? -1) + 1;

export const historyTurn = signal(0);
const turn = () => {
  historyTurn.value = historyTurn.peek() + 1;
};

const read = (place: number): Decided | undefined =>
  (JSON.parse(sessionStorage.getItem(keyOf(place)) ?? 'null') as Decided | null) ?? undefined;

export const historyLength = (): number => next - first;

export function pushDecided(entry: Decided): void {
  for (;;) {
    try {
      sessionStorage.setItem(keyOf(next), JSON.stringify(entry));
      break;
    } catch (error) {
      // The room of a tab is some megabytes, about ten thousand decisions: then the oldest ones go.
      if (first === next) throw error;
      sessionStorage.removeItem(keyOf(first++));
    }
  }
  next++;
  turn();
}

export function popDecided(): Decided | undefined {
  if (next === first) return undefined;
  const entry = read(next - 1);
  sessionStorage.removeItem(keyOf(--next));
  turn();
  return entry;
}

export function newestDecided(countMax: number): Decided[] {
  const entries: Decided[] = [];
  for (let place = next - 1; place >= first && entries.length < countMax; place--) {
    const entry = read(place);
    if (entry) entries.push(entry);
  }
  return entries;
}

/** A refusal that was read is dismissed; that it was one must be known for as long as the decision can be taken back. */
export function markRefused(id: string, pageIds: number[]): void {
  for (let place = next - 1; place >= first; place--) {
    const entry = read(place);
    if (entry?.id !== id) continue;
    sessionStorage.setItem(keyOf(place), JSON.stringify({ ...entry, refused: pageIds }));
    return;
  }
}
