import { Counter, Gauge, Histogram } from 'prom-client';

// Dimensions come from closed lists.
const embedded = new Counter({
  name: 'florilegium_inference_embedded_images_total',
  help: 'Images taken up for embedding, by what came of them',
  labelNames: ['result'],
});
const batchSeconds = new Histogram({
  name: 'florilegium_inference_embedding_batch_duration_seconds',
  help: 'Duration of one embedding batch, from the first image asked for to the committed shard',
  buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120],
});
const predicted = new Counter({
  name: 'florilegium_inference_predictions_total',
  help: 'Predictions written',
});
const backbone = new Gauge({
  name: 'florilegium_inference_backbone_info',
  help: 'The backbone that serves; always 1',
  labelNames: ['name'],
});

export function countEmbedded(counts: Record<'embedded' | 'corrupt' | 'gone', number>): void {
  for (const [result, count] of Object.entries(counts)) embedded.inc({ result }, count);
}
export const observeEmbeddingBatch = (seconds: number): void => batchSeconds.observe(seconds);
export const countPredicted = (count: number): void => predicted.inc(count);
export const showBackbone = (name: string): void => backbone.set({ name }, 1);
