import { describe, expect, it } from 'vitest';
import { parseIdList, sortIdsAsText } from './page-ids.ts';

const ids = Array.from({ length: 10_000 }, (_, index) => 1000 + index);

describe('sortIdsAsText', () => {
  it('orders ids as their text', () => {
    const mixed = [9, 10, 100, 1, 2147483647, 0, 214748364, 99, 11, 1000000000, 12];
    expect(sortIdsAsText(mixed).map(String)).toEqual(mixed.map(String).sort());
    expect(sortIdsAsText(ids).map(String)).toEqual(ids.map(String).sort());
  });
});

describe('parseIdList', () => {
  it('reads the last id with and without a newline after it', () => {
    expect(parseIdList('1\n22\r\n\n333')).toEqual([1, 22, 333]);
    expect(parseIdList('1\n22\n')).toEqual([1, 22]);
  });

  it('names the line that holds no PageID', () => {
    expect(() => parseIdList('1\nplate\n')).toThrow('line 2 is not a PageID: "plate"');
    expect(() => parseIdList('2147483648')).toThrow('line 1');
  });
});
