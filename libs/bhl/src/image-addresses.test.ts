import { expect, it } from 'vitest';
import { bucketImagePath, imageUrl, isPlaceholderUrl, pageImagePath } from './image-addresses.ts';

const page = { pageId: 900000017, barCode: 'florpg171980003', sequence: 17 };

it('computes the address of every addressing and size', () => {
  const url = (addressing: 'bucket' | 'pageimage' | 'internet-archive', base: string, size: 'medium' | 'full') =>
    imageUrl(addressing, base, page, size).href;
  expect(url('bucket', 'https://bucket.example', 'medium')).toBe(
    'https://bucket.example/web/florpg171980003/florpg171980003_0017_medium.webp',
  );
  expect(url('pageimage', 'https://bhl.example/', 'full')).toBe('https://bhl.example/pageimage/900000017');
  expect(url('pageimage', 'https://bhl.example/', 'medium')).toBe('https://bhl.example/pagethumb/900000017,465,698');
  expect(url('internet-archive', 'https://ia.example/download', 'medium')).toBe(
    'https://ia.example/download/florpg171980003/page/n16_w465.jpg',
  );
});

it('keeps sequences of more than four digits whole', () => {
  expect(bucketImagePath({ barCode: 'a', sequence: 12345 }, 'thumb')).toBe('web/a/a_12345_thumb.webp');
});

it.each(['../x', 'a/b', '', '.hidden', 'a b', 'a%2fb', 'a?b'])('refuses the bar code %j', (barCode) => {
  expect(() => bucketImagePath({ barCode, sequence: 1 }, 'full')).toThrow(/bar code/);
});

it('refuses page ids and sequences that cannot be one', () => {
  expect(() => pageImagePath(0, 'full')).toThrow(/page id/);
  expect(() => pageImagePath(1.5, 'full')).toThrow(/page id/);
  expect(() => bucketImagePath({ barCode: 'a', sequence: -1 }, 'full')).toThrow(/sequence/);
});

it('knows the addresses of the "image not found" pictures', () => {
  expect(isPlaceholderUrl(new URL('https://beta.biodiversitylibrary.org/images/image_not_found.jpg'))).toBe(true);
  expect(isPlaceholderUrl(new URL('https://beta.biodiversitylibrary.org/images/image_not_found_thumb.jpg'))).toBe(true);
  expect(isPlaceholderUrl(new URL('https://bucket.example/web/a/a_0001_full.webp'))).toBe(false);
});
