import { expect, it } from 'vitest';
import { decodeOutOfFold, encodeOutOfFold, outOfFoldPageOf } from './out-of-fold.ts';

it('reads back what it wrote, one page a line', () => {
  const pages = [
    outOfFoldPageOf(12, 'LQ', Float32Array.of(0.75, 0.25, 0.2), 'item'),
    outOfFoldPageOf(13, 'NOT_SURE', Float32Array.of(0.5), 'item'),
  ];
  const bytes = encodeOutOfFold(pages);
  expect(bytes.toString().split('\n')[0]).toBe('{"pageId":12,"members":[0.75,0.25,0.2],"mean":0.4,"labelQuality":0.6}');
  expect(decodeOutOfFold(bytes)).toEqual(pages);
  expect(pages[1]!.labelQuality).toBeNull();
});

it('judges no label by members that have seen pages of its book', () => {
  expect(outOfFoldPageOf(12, 'HQ', Float32Array.of(0.75, 0.25), 'page')).toEqual({
    pageId: 12,
    members: [null, null],
    mean: 0.5,
    labelQuality: null,
  });
});

it('names the line that is broken', () => {
  expect(() => decodeOutOfFold(Buffer.from('{"pageId":1,"members":[],"mean":0}\n{"pa'))).toThrow('line 2');
  expect(() => decodeOutOfFold(Buffer.from('{}\n'))).toThrow('line 1: not a scored page');
});
