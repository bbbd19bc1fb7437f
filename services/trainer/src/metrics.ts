import { Counter, Histogram } from 'prom-client';

export const trainingsEnded = new Counter({
  name: 'florilegium_trainer_trainings_ended_total',
  help: 'Trainings that ended, by state',
  labelNames: ['state'],
});

export const phaseSeconds = new Histogram({
  name: 'florilegium_trainer_phase_duration_seconds',
  help: 'Time of one batch of each phase: prepare (waiting for embeddings included), member, finish',
  labelNames: ['phase'],
  buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200],
});

export const membersTrained = new Counter({
  name: 'florilegium_trainer_members_trained_total',
  help: 'Members trained, by method and by the TensorFlow.js backend that multiplied',
  labelNames: ['method', 'backend'],
});

export const pagesDropped = new Counter({
  name: 'florilegium_trainer_pages_dropped_total',
  help: 'Labelled pages that trained nothing because their embedding, image or item could not be had',
});
