import { expect, it } from 'vitest';
import { defaultImageSources, hostLimitsOf, limitedHostOf, mayRedirectTo, parseImageSources } from './image-sources.ts';

it('reads sources and fills in modest defaults', () => {
  expect(parseImageSources('[{"name":"here","addressing":"bucket","baseUrl":"http://127.0.0.1:9/"}]')).toEqual([
    {
      name: 'here',
      addressing: 'bucket',
      baseUrl: 'http://127.0.0.1:9/',
      requestsPerSecond: 1,
      inFlightMax: 2,
      redirectHosts: [],
    },
  ]);
  expect(parseImageSources(JSON.stringify(defaultImageSources))).toEqual(defaultImageSources);
});

it.each([
  ['nonsense', /not JSON/],
  ['[]', /at least one/],
  ['[{"name":"A b"}]', /source 1: name/],
  ['[{"name":"a","addressing":"ftp"}]', /source 1: addressing is not one of/],
  ['[{"name":"a","addressing":"bucket","baseUrl":"file:///etc"}]', /baseUrl/],
  ['[{"name":"a","addressing":"bucket","baseUrl":"http://h","requestsPerSecond":0}]', /requestsPerSecond/],
  ['[{"name":"a","addressing":"bucket","baseUrl":"http://h","rate":5}]', /rate is not a field/],
])('refuses %s', (json, message) => {
  expect(() => parseImageSources(json)).toThrow(message);
});

it('counts a redirect to another source under the limits of that one, else under its own', () => {
  const [bucket, bhl, archive] = defaultImageSources as [never, never, never];
  const to = (address: string) => limitedHostOf(defaultImageSources, bhl, new URL(address));
  expect(to('https://bhl-open-data.s3.us-east-2.amazonaws.com/web/x')).toBe('bhl-open-data.s3.us-east-2.amazonaws.com');
  expect(to('https://ia800104.us.archive.org/x')).toBe('www.biodiversitylibrary.org');
  expect(mayRedirectTo(defaultImageSources, archive, new URL('https://ia800104.us.archive.org/x'))).toBe(true);
  expect(mayRedirectTo(defaultImageSources, bucket, new URL('https://ia800104.us.archive.org/x'))).toBe(false);
  expect(mayRedirectTo(defaultImageSources, archive, new URL('https://evilarchive.org/x'))).toBe(false);
});

it('takes the stricter limit where two sources share a host', () => {
  const source = (name: string, requestsPerSecond: number, inFlightMax: number) => ({
    name,
    addressing: 'bucket' as const,
    baseUrl: 'http://127.0.0.1:9/',
    requestsPerSecond,
    inFlightMax,
    redirectHosts: [],
  });
  expect([...hostLimitsOf([source('a', 500, 4), source('b', 100, 64)])]).toEqual([
    ['127.0.0.1:9', { requestsPerSecond: 100, inFlightMax: 4 }],
  ]);
});
