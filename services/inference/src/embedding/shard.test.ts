import { readHalfFloats } from '@florilegium/ensemble/arithmetic';
import { describe, expect, it } from 'vitest';
import { checkedRow, decodeShardIndex, encodeShard, rowRange } from './shard.ts';

const recipe = 'ab'.repeat(32);
const aRow = (pageId: number, ...values: number[]) => ({
  pageId,
  imageSha256: pageId.toString(16).padStart(64, '0'),
  values: Float32Array.from(values),
});
const rows = [aRow(7, 1, -0.5, 0.25), aRow(59_339_935, 0, 100, 1e-3)];
const aShard = () => encodeShard(recipe, 3, rows);

const readRow = (file: Buffer, row: number, expected = rows[row]!) => {
  const { start, bytes } = rowRange({ rowCount: 2, dimensions: 3 }, row);
  const out = new Float32Array(3);
  readHalfFloats(checkedRow(file.subarray(start, start + bytes), expected, 'the shard'), out, 0);
  return out;
};

describe('shard', () => {
  it('gives back what it holds', () => {
    const index = decodeShardIndex(aShard(), 'x');
    expect(index).toEqual({
      recipeSha256: recipe,
      dimensions: 3,
      rowCount: 2,
      rows: rows.map(({ pageId, imageSha256 }) => ({ pageId, imageSha256 })),
    });
  });

  it('reads one row by its range alone', () => {
    expect([...readRow(aShard(), 0)]).toEqual([1, -0.5, 0.25]);
    const second = readRow(aShard(), 1);
    expect(second[1]).toBe(100);
    expect(second[2]).toBeCloseTo(1e-3, 6);
  });

  it('refuses a file of another kind, a cut one and a damaged header', () => {
    expect(() => decodeShardIndex(Buffer.from('GIF89a'), 'models/x')).toThrow('models/x is not a shard of embeddings');
    expect(() => decodeShardIndex(aShard().subarray(0, 100), 'x')).toThrow('cut within its index');
    for (const at of [17, 60, 100]) {
      const file = aShard();
      file[at]! ^= 1;
      expect(() => decodeShardIndex(file, 'x')).toThrow("its header's sum is wrong");
    }
  });

  it('refuses a damaged row and one of another page or image', () => {
    const file = aShard();
    file[rowRange({ rowCount: 2, dimensions: 3 }, 1).start]! ^= 1;
    expect(readRow(file, 0)).toHaveLength(3);
    expect(() => readRow(file, 1)).toThrow('the sum of page 59339935 is wrong');
    expect(() => readRow(aShard(), 0, { ...rows[0]!, pageId: 8 })).toThrow('the sum of page 8 is wrong');
    expect(() => readRow(aShard(), 0, { ...rows[0]!, imageSha256: recipe })).toThrow('is wrong');
  });

  it('refuses rows of another width', () => {
    expect(() => encodeShard(recipe, 4, rows)).toThrow('page 7 has 3 values, not 4');
  });
});
