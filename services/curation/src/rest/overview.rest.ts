import { AppError } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';
import type { Store } from '../store.ts';
import { renderLockedOverview, renderOverview } from './overview-page.ts';
import { uiPolicy } from './ui.rest.ts';

const galleryPages = 60;
const html = 'text/html; charset=utf-8';

/**
 * The front page: what the loop has come to, and the next step, in one look. It shows data, so where keys are needed it needs one;
 * a browser without one is asked for it.
 */
export function addOverviewRoute(app: HttpApp, { store }: { store: Store }): void {
  app.get(
    '/',
    {
      config: { role: 'viewer' },
      schema: { hide: true },
      errorHandler: (error, request, reply) => {
        const isBrowser = request.headers.accept?.includes('text/html') && !request.headers.authorization;
        if (!isBrowser || !(error instanceof AppError) || error.code !== 'unauthenticated') throw error;
        reply.headers({ 'content-security-policy': uiPolicy, 'www-authenticate': 'Bearer' });
        return reply.code(401).type(html).send(renderLockedOverview());
      },
    },
    async (_request, reply) => {
      const [summary, iterations, lists] = await Promise.all([
        store.labels.summarise(),
        store.iterations.list(),
        store.hqLists.list(),
      ]);
      const newest = lists.findLast(({ state }) => state === 'published' || state === 'auditing');
      const gallery = newest ? await store.hqLists.readBest(newest.id, galleryPages) : [];
      reply.headers({ 'content-security-policy': uiPolicy, 'cache-control': 'no-store' });
      return reply.type(html).send(renderOverview({ summary, iterations, lists, newest, gallery }));
    },
  );
}
