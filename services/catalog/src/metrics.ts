import { Counter, Histogram } from 'prom-client';

export const pageRowsRead = new Counter({
  name: 'florilegium_catalog_page_rows_read_total',
  help: 'Rows of page files read by imports',
});

export const importSeconds = new Histogram({
  name: 'florilegium_catalog_import_duration_seconds',
  help: 'Duration of import attempts by outcome: done, failed, stopped',
  labelNames: ['outcome'],
  buckets: [0.5, 1, 5, 15, 60, 300, 900, 3600],
});

export const pageSetsDrawn = new Counter({
  name: 'florilegium_catalog_page_sets_drawn_total',
  help: 'Page sets drawn',
});
