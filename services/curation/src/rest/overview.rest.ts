import type { HttpApp } from '@florilegium/http';
import type { Store } from '../store.ts';
import { renderOverview } from './overview-page.ts';

const galleryPages = 60;

/** The front page: what the loop has come to, in one look. It shows data, so where keys are needed it needs one. */
export function addOverviewRoute(app: HttpApp, { store }: { store: Store }): void {
  app.get('/', { config: { role: 'viewer' }, schema: { hide: true } }, async (_request, reply) => {
    const [summary, iterations, lists] = await Promise.all([
      store.labels.summarise(),
      store.iterations.list(),
      store.hqLists.list(),
    ]);
    const newest = lists.findLast(({ state }) => state === 'published' || state === 'auditing');
    const gallery = newest ? await store.hqLists.readBest(newest.id, galleryPages) : [];
    reply.header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'",
    );
    return reply.type('text/html; charset=utf-8').send(renderOverview({ summary, iterations, lists, newest, gallery }));
  });
}
