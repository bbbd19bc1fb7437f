import { invalidArgument } from '@florilegium/errors';
import { type ImageAddressing, imageAddressings } from './image-addresses.ts';
import type { HostLimits } from './image-gate.ts';

/** Somewhere page images can be had from. Sources are configuration: BHL's hosts have moved before. */
export interface ImageSource {
  /** Short name; stored with each image and used as a metric dimension. */
  name: string;
  addressing: ImageAddressing;
  /** Base address; its path is kept. */
  baseUrl: string;
  /** Evenly spaced, shared by everybody who goes through the same ledger. */
  requestsPerSecond: number;
  /** Requests under way at once, over all replicas. */
  inFlightMax: number;
  /** Hosts (`name` or `name:port`; a leading dot takes all below) that redirects may lead to, besides the hosts of all sources. */
  redirectHosts: string[];
}

/** BHL's public bucket, then BHL itself, then the Internet Archive, each at the rate it can be asked at without harm. */
export const defaultImageSources: readonly ImageSource[] = [
  {
    name: 'bhl-bucket',
    addressing: 'bucket',
    baseUrl: 'https://bhl-open-data.s3.us-east-2.amazonaws.com/',
    requestsPerSecond: 50,
    inFlightMax: 32,
    redirectHosts: [],
  },
  {
    name: 'bhl',
    addressing: 'pageimage',
    baseUrl: 'https://www.biodiversitylibrary.org/',
    requestsPerSecond: 1,
    inFlightMax: 2,
    redirectHosts: ['bhl-open-data.s3.amazonaws.com', 'archive.org', '.archive.org'],
  },
  {
    name: 'internet-archive',
    addressing: 'internet-archive',
    baseUrl: 'https://archive.org/download/',
    requestsPerSecond: 2,
    inFlightMax: 4,
    redirectHosts: ['.archive.org'],
  },
];

/**
 * Reads sources from JSON: an array of objects with `name`, `addressing` and `baseUrl`; `requestsPerSecond` (default 1),
 * `inFlightMax` (default 2) and `redirectHosts` (default none). Throws invalid_argument naming the entry and the field.
 */
export function parseImageSources(json: string): ImageSource[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw invalidArgument(`image sources are not JSON: ${(cause as Error).message}`, { field: 'sources' });
  }
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgument('image sources are not a JSON array of at least one source', { field: 'sources' });
  }
  const sources = value.map(readSource);
  const names = new Set(sources.map((source) => source.name));
  if (names.size !== sources.length) throw invalidArgument('two image sources have one name', { field: 'sources' });
  return sources;
}

function readSource(value: unknown, index: number): ImageSource {
  const fail = (field: string, wanted: string) =>
    invalidArgument(`image source ${index + 1}: ${field} is not ${wanted}`, { field: `sources[${index}].${field}` });
  if (typeof value !== 'object' || value === null) throw fail('entry', 'an object');
  const entry = value as Record<string, unknown>;
  const known = ['name', 'addressing', 'baseUrl', 'requestsPerSecond', 'inFlightMax', 'redirectHosts'];
  for (const field of Object.keys(entry)) {
    if (!known.includes(field)) throw fail(field, `a field of an image source (${known.join(', ')})`);
  }
  const { name, addressing, baseUrl, requestsPerSecond = 1, inFlightMax = 2, redirectHosts = [] } = entry;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,39}$/.test(name)) throw fail('name', 'a short lower-case name');
  if (!imageAddressings.includes(addressing as ImageAddressing)) {
    throw fail('addressing', `one of ${imageAddressings.join(', ')}`);
  }
  if (typeof baseUrl !== 'string' || !/^https?:\/\/[^/]/.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw fail('baseUrl', 'an http or https address');
  }
  if (typeof requestsPerSecond !== 'number' || !(requestsPerSecond > 0 && requestsPerSecond <= 100_000)) {
    throw fail('requestsPerSecond', 'a number above 0, at most 100000');
  }
  if (!Number.isInteger(inFlightMax) || (inFlightMax as number) < 1 || (inFlightMax as number) > 1000) {
    throw fail('inFlightMax', 'a whole number from 1 to 1000');
  }
  if (!Array.isArray(redirectHosts) || redirectHosts.some((host) => typeof host !== 'string')) {
    throw fail('redirectHosts', 'an array of host names');
  }
  return {
    name,
    addressing: addressing as ImageAddressing,
    baseUrl,
    requestsPerSecond,
    inFlightMax: inFlightMax as number,
    redirectHosts: redirectHosts.map((host: string) => host.toLowerCase()),
  };
}

/** The host under whose limits a request from `source` to `url` counts: the url's own, if a source lives there, else the source's. */
export function limitedHostOf(sources: readonly ImageSource[], source: ImageSource, url: URL): string {
  const own = sources.find((other) => new URL(other.baseUrl).host === url.host);
  return own ? url.host : new URL(source.baseUrl).host;
}

/** Whether a redirect met while fetching from `source` may be followed to `url`. */
export function mayRedirectTo(sources: readonly ImageSource[], source: ImageSource, url: URL): boolean {
  if (sources.some((other) => new URL(other.baseUrl).host === url.host)) return true;
  return source.redirectHosts.some((host) =>
    host.startsWith('.') ? url.hostname.endsWith(host) : host === url.host || host === url.hostname,
  );
}

/** Limits by host; where two sources share a host, the stricter of each. */
export function hostLimitsOf(sources: readonly ImageSource[]): Map<string, HostLimits> {
  const limits = new Map<string, HostLimits>();
  for (const source of sources) {
    const host = new URL(source.baseUrl).host;
    const known = limits.get(host);
    limits.set(host, {
      requestsPerSecond: Math.min(source.requestsPerSecond, known?.requestsPerSecond ?? Number.POSITIVE_INFINITY),
      inFlightMax: Math.min(source.inFlightMax, known?.inFlightMax ?? Number.POSITIVE_INFINITY),
    });
  }
  return limits;
}
