import { Counter } from 'prom-client';

const events = new Counter({
  name: 'florilegium_events_total',
  help: 'Deliveries of events to this service, by what came of them: handled, retried, given_up',
  labelNames: ['event', 'outcome'],
});

export const countEvent = (event: string, outcome: 'handled' | 'retried' | 'given_up'): void =>
  events.inc({ event, outcome });
