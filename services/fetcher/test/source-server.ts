import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';

export type Fault = 'html' | 'cut' | 'error' | 'throttle' | 'reset';

/** A small bucket in BHL's layout: every page has its own picture; faults are planned per page and used up one by one. */
export interface SourceServer {
  baseUrl: string;
  /** The picture of a page. */
  imageOf(pageId: number): Promise<Buffer>;
  /** Pictures of single sizes that take the place of a page's own, by `pageId/size`. */
  pictures: Map<string, Buffer>;
  /** Requests so far, as page ids in the order they came. */
  requests: number[];
  /** When each came, on this process's clock. */
  requestTimes: number[];
  /** The next answers to requests for a page. */
  planFaults(pageId: number, ...faults: Fault[]): void;
  /** Pages that are not there. */
  missing: Set<number>;
  /** Pages answered with a redirect to the "image not found" picture. */
  placeholder: Set<number>;
  /** Requests under way at once, the most since it was set to 0. */
  inFlightPeak: number;
  /** Each answer waits so long. */
  delayMs: number;
  close(): Promise<void>;
}

export const barCodeOf = (pageId: number) => `book${Math.floor(pageId / 10)}`;

export async function startSourceServer(): Promise<SourceServer> {
  const images = new Map<number, Promise<Buffer>>();
  const faults = new Map<number, Fault[]>();
  const imageOf = (pageId: number) => {
    let image = images.get(pageId);
    if (!image) {
      const background = { r: pageId % 256, g: (pageId * 7) % 256, b: (pageId * 31) % 256 };
      image = sharp({ create: { width: 46, height: 73 + (pageId % 5), channels: 3, background } })
        .webp()
        .toBuffer();
      images.set(pageId, image);
    }
    return image;
  };
  let inFlight = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    // The sequence is the page's last digit: /web/book12/book12_0003_medium.webp is page 123.
    const [, book, sequence, size] = /^\/web\/book(\d+)\/book\1_(\d{4})_([a-z]+)\.webp$/.exec(request.url ?? '') ?? [];
    const pageId = Number(book) * 10 + Number(sequence);
    server.requests.push(pageId);
    server.requestTimes.push(performance.now());
    inFlight += 1;
    server.inFlightPeak = Math.max(server.inFlightPeak, inFlight);
    response.once('close', () => {
      inFlight -= 1;
    });
    if (server.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, server.delayMs));
    if (!book || server.missing.has(pageId)) return response.writeHead(404).end();
    if (server.placeholder.has(pageId))
      return response.writeHead(302, { location: 'https://bhl.example/images/image_not_found.jpg' }).end();
    const image = server.pictures.get(`${pageId}/${size}`) ?? (await imageOf(pageId));
    switch (faults.get(pageId)?.shift()) {
      case 'html':
        return response.writeHead(200).end('<html><body>Down for maintenance</body></html>');
      case 'error':
        return response.writeHead(500).end();
      case 'throttle':
        return response.writeHead(429, { 'retry-after': '1' }).end();
      case 'reset':
        return request.socket.destroy();
      case 'cut':
        response.writeHead(200, { 'content-length': image.length });
        return response.write(image.subarray(0, image.length - 10), () => response.destroy());
      default:
        return response.writeHead(200, { 'content-type': 'image/webp' }).end(image);
    }
  };
  const http = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: SourceServer = {
    baseUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
    imageOf,
    pictures: new Map(),
    requests: [],
    requestTimes: [],
    planFaults: (pageId, ...planned) => void faults.set(pageId, planned),
    missing: new Set(),
    placeholder: new Set(),
    inFlightPeak: 0,
    delayMs: 0,
    close: async () => {
      http.close();
      http.closeAllConnections();
    },
  };
  return server;
}
