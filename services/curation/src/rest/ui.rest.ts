import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import { unavailable } from '@florilegium/errors';
import type { HttpApp } from '@florilegium/http';

/** Where `npm run build -w services/curation/web` puts the app. */
export const uiFolder = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** Files of the app; public, as they hold nothing of the data. */
export const uiAssetsPath = '/assets';

/** Addresses of the app's views: each answers with the same page, which looks at its own address. */
const views = [
  '/',
  '/begin',
  '/label',
  '/review',
  '/iterations',
  '/iterations/:number',
  '/lists',
  '/lists/:version',
  '/gallery/:version',
  '/pages/:pageId',
  '/collage',
  '/runs',
];

/** Only files of this origin run, style or connect; pictures come as blobs where a key is needed to fetch them. */
export const uiPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * The single-page app. Its files carry a hash in their names and may be kept for a year; the page that names them is asked
 * for anew each time.
 */
export async function addUiRoutes(app: HttpApp, { folder = uiFolder }: { folder?: string } = {}): Promise<void> {
  const isBuilt = existsSync(join(folder, 'index.html'));
  await app.register(fastifyStatic, {
    root: join(folder, 'assets'),
    serve: isBuilt,
    prefix: `${uiAssetsPath}/`,
    preCompressed: true,
    immutable: true,
    maxAge: '365d',
    index: false,
  });
  for (const path of views)
    app.get(path, { config: { role: 'public' } }, async (_request, reply) => {
      if (!isBuilt) throw unavailable('the web UI is not built: run `npm run build -w services/curation/web`');
      reply.headers({
        'content-security-policy': uiPolicy,
        'referrer-policy': 'same-origin',
        'cross-origin-opener-policy': 'same-origin',
        vary: 'accept-encoding',
      });
      return reply.sendFile('index.html', folder, { maxAge: 0, immutable: false });
    });
}
