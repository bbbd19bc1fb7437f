import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { HttpApp } from '@florilegium/http';

/** The labelling page and what the pages are made of. They hold nothing of the data, so they are public; the REST API is not. */
const files: Record<string, string> = {
  '/label': 'label.html',
  '/ui/label.css': 'label.css',
  '/ui/label.js': 'label.js',
  '/ui/outbox.js': 'outbox.js',
  '/ui/page-queue.js': 'page-queue.js',
  '/ui/rest-client.js': 'rest-client.js',
  '/ui/overview.css': 'overview.css',
  '/ui/overview.js': 'overview.js',
  '/ui/theme.css': 'theme.css',
  '/ui/icon.svg': 'icon.svg',
};

const mediaTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Only files of this origin run, style or connect; pictures come as blobs where a key is needed to fetch them. */
export const uiPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export async function addUiRoutes(app: HttpApp): Promise<void> {
  for (const [path, name] of Object.entries(files)) {
    const bytes = await readFile(new URL(`./ui/${name}`, import.meta.url));
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`;
    app.get(path, { config: { role: 'public' } }, async (request, reply) => {
      reply.headers({ etag, 'cache-control': 'no-cache', 'content-security-policy': uiPolicy });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(mediaTypes[extname(name)]!).send(bytes);
    });
  }
}
