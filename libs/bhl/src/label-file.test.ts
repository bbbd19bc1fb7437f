import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelNumberOf, readLabelFile } from './label-file.ts';

describe('the labels file of the reference project', () => {
  it('holds 0 for HQ, 1 for LQ and 2 for NOT_SURE, or 0 and 1 the other way round', () => {
    const text = '{"12": 0, "7": 1,\n "900000001": 2}';
    expect(readLabelFile(text)).toEqual({
      entries: [
        { pageId: 12, label: 'HQ', line: 1 },
        { pageId: 7, label: 'LQ', line: 1 },
        { pageId: 900000001, label: 'NOT_SURE', line: 2 },
      ],
      faults: [],
    });
    expect(readLabelFile(text, { zero: 'LQ' }).entries.map(({ label }) => label)).toEqual(['LQ', 'HQ', 'NOT_SURE']);
    for (const zero of ['HQ', 'LQ'] as const)
      for (const { pageId, label } of readLabelFile(text, { zero }).entries)
        expect(labelNumberOf(label, { zero })).toBe(JSON.parse(text)[pageId]);
  });

  it('names stray keys and values by line and takes the rest', () => {
    const text =
      '\uFEFF{\r\n"1": 0,\r\n"Enter": 1,\r\n"2": 3,\r\n"3": "HQ",\r\n"1": 1,\r\n"4": null,\r\n"99999999999": 0,\r\n"5": 1}\r\n';
    const { entries, faults } = readLabelFile(text);
    expect(entries).toEqual([
      { pageId: 1, label: 'HQ', line: 2 },
      { pageId: 5, label: 'LQ', line: 9 },
    ]);
    expect(faults).toEqual([
      { line: 3, key: 'Enter', message: 'the key is not a PageID' },
      { line: 4, key: '2', message: 'the value is not 0, 1 or 2: 3' },
      { line: 5, key: '3', message: 'the value is not 0, 1 or 2: "HQ"' },
      { line: 6, key: '1', message: 'the PageID stands on line 2 already' },
      { line: 7, key: '4', message: 'the value is not 0, 1 or 2: null' },
      { line: 8, key: '99999999999', message: 'the key is not a PageID' },
    ]);
  });

  it('tells the line from which on a text is no such object', () => {
    for (const [text, message] of [
      ['[1]', /line 1: expected a JSON object/],
      ['{"1": 0,\n"2": [0]}', /line 2: expected a label, found "\[0\]}"/],
      ['{"1": 0\n"2": 1}', /line 2: expected "," or "}"/],
      ['{"1": 0,', /line 1: expected a PageID in quotes, found the file ends/],
      ['{"1": 0}\n\n{}', /line 3: expected the end of the file/],
    ] as const)
      expect(() => readLabelFile(text)).toThrow(message);
  });

  it('reads what any JSON writer wrote', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.integer({ min: 1, max: 2 ** 31 - 1 }).map(String), fc.integer({ min: 0, max: 2 })),
        fc.constantFrom(undefined, 1, 2),
        (labels, indent) => {
          const { entries, faults } = readLabelFile(JSON.stringify(labels, null, indent));
          expect(faults).toEqual([]);
          expect(Object.fromEntries(entries.map(({ pageId, label }) => [pageId, labelNumberOf(label)]))).toEqual(
            Object.fromEntries(Object.entries(labels)),
          );
        },
      ),
    );
  });
});
