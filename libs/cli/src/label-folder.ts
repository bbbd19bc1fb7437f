import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { messageOf } from '@florilegium/errors';
import { listImages } from './image-folder.ts';
import { labelPage } from './label-page.ts';
import { type FileLabel, type LabelNumbering, readLabels, writeLabels } from './reference-files.ts';

export interface LabelFolderOptions extends LabelNumbering {
  folder: string;
  /** Label file: read when it is there, written after every label. */
  file: string;
  /** Asks NOT_SURE pages again. */
  relabelNotSure: boolean;
  port: number;
}

export interface LabellingFolder {
  address: string;
  /** Resolves when the person stops, with what was given. */
  stopped: Promise<{ given: number; left: number }>;
  stop(): void;
}

const mediaTypes: Record<string, string> = {
  '.webp': 'image/webp',
  '.png': 'image/png',
  '.gif': 'image/gif',
  '.jp2': 'image/jp2',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
};

/** Serves a page on this machine alone on which a person labels the images of a folder by keys. Every label is in the file before the next image is shown. */
export async function labelFolder(options: LabelFolderOptions): Promise<LabellingFolder> {
  const labels: Map<number, FileLabel> = existsSync(options.file) ? await readLabels(options.file, options) : new Map();
  const images = await listImages(options.folder);
  const fileOf = new Map(images.map(({ pageId, file }) => [pageId, file]));
  const queue = images
    .map(({ pageId }) => pageId)
    .filter((pageId) => !labels.has(pageId) || (options.relabelNotSure && labels.get(pageId) === 'NOT_SURE'));
  const undos: { pageId: number; before: FileLabel | undefined }[] = [];
  let at = 0;
  let stop = () => {};
  const stopped = new Promise<{ given: number; left: number }>((resolve) => {
    stop = () => resolve({ given: undos.length, left: queue.length - at });
  });
  const state = () => ({
    pageId: queue[at] ?? null,
    done: at,
    total: queue.length,
    next: queue.slice(at + 1, at + 4),
  });
  const save = () => writeLabels(options.file, labels, options);
  const commands: Record<string, (body: { pageId?: number; label?: FileLabel }) => Promise<object>> = {
    '/label': async ({ pageId, label }) => {
      if (!['HQ', 'LQ', 'NOT_SURE'].includes(label as string)) throw new Error(`${label} is no label`);
      // A page that was open twice says which image it showed: the other one's key press is not taken for this image.
      if (pageId === undefined || pageId !== queue[at]) return state();
      undos.push({ pageId, before: labels.get(pageId) });
      labels.set(pageId, label!);
      await save();
      at++;
      return state();
    },
    '/undo': async () => {
      const last = undos.pop();
      if (last) {
        if (last.before === undefined) labels.delete(last.pageId);
        else labels.set(last.pageId, last.before);
        await save();
        at--;
      }
      return state();
    },
    '/stop': async () => ({ ...state(), isStopped: true }),
  };

  // One at a time: two saves of one file would race.
  let busy: Promise<unknown> = Promise.resolve();
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '/';
    if (request.method === 'GET' && path === '/')
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(labelPage);
    if (request.method === 'GET' && path === '/state') return send(response, state());
    const image = fileOf.get(Number(/^\/images\/(\d+)$/.exec(path)?.[1]));
    if (request.method === 'GET' && image !== undefined) {
      response.writeHead(200, { 'content-type': mediaTypes[extname(image).toLowerCase()] ?? 'image/jpeg' });
      return createReadStream(join(options.folder, image))
        .on('error', () => response.destroy())
        .pipe(response);
    }
    const command = commands[path];
    if (request.method !== 'POST' || !command) return response.writeHead(404).end();
    // A form of another site cannot send JSON without asking first, and is not answered.
    if (!request.headers['content-type']?.startsWith('application/json')) return response.writeHead(415).end();
    const body = (await json(request)) as { pageId?: number; label?: FileLabel };
    const running = busy.then(() => command(body));
    busy = running.catch(() => {});
    send(response, await running);
    if (path === '/stop') stop();
  };
  const server = createServer((request, response) => {
    // A name that somebody else made point here is no address of this page.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) return response.writeHead(403).end();
    answer(request, response).catch((error: unknown) => response.writeHead(400).end(messageOf(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, '127.0.0.1', resolve);
  });
  void stopped.then(() => {
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 500).unref();
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stopped, stop };
}

const send = (response: ServerResponse, body: object) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
