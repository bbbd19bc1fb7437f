const ownRoutes = {
  catalog: ['/v1/imports', '/v1/pages', '/v1/page-sets'],
  fetcher: ['/v1/fetch-runs', '/v1/images', '/iiif'],
  inference: ['/v1/prediction-runs', '/v1/predictions', '/v1/similar'],
  // The web UI, /docs and what nobody else knows.
  curation: ['/v1/labels', '/v1/iterations', '/v1/review-queues', '/v1/hq-lists', '/'],
  trainer: ['/v1/trainings'],
} as const;

export type ServiceName = keyof typeof ownRoutes;

/** From left to right: each may call those before it. */
export const serviceNames = Object.keys(ownRoutes) as ServiceName[];

/** Paths of each service, each with everything below it. */
export const serviceRoutes = Object.fromEntries(
  serviceNames.map((name) => [name, [...ownRoutes[name], `/v1/openapi/${name}.json`]]),
) as Record<ServiceName, string[]>;
