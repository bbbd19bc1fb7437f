import { describe, expect, it } from 'vitest';
import { parseIdList, readIdList, sortIdsAsText } from './page-ids.ts';

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

describe('readIdList', () => {
  const read = async (text: string, chunkBytes: number) => {
    const bytes = Buffer.from(text);
    const ids: number[] = [];
    const chunks = (async function* () {
      for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
    })();
    for await (const part of readIdList(chunks)) ids.push(...part);
    return ids;
  };

  it('reads what parseIdList reads, wherever the stream is cut', async () => {
    const text = '\uFEFF1\r\n22\n\n 333 \n4444';
    for (const chunkBytes of [1, 2, 3, 7, 100]) expect(await read(text, chunkBytes)).toEqual(parseIdList(text));
  });

  it('names the line that holds no PageID, and gives up a line without an end', async () => {
    await expect(read('1\n22\nplate\n', 4)).rejects.toThrow('line 3 is not a PageID: "plate"');
    await expect(read(`1\n${'9'.repeat(100_000)}`, 64)).rejects.toThrow('line 2 is not a PageID');
  });
});
