import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { candidateRule } from './candidate-rules.ts';
import { extractCandidates } from './extract-candidates.ts';

/** The reference rule said again in the plainest way, to compare with. */
function plainReferenceRule(bytes: Buffer): { ids: string[]; badLines: number } {
  const lengths = bytes
    .toString('latin1')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').length);
  const lines = bytes.toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  lengths.shift();
  const header = lines.shift()!.replace('\uFEFF', '').replace(/\r$/, '').split('\t');
  const needed = ['PageID', 'PagePrefix', 'PageTypeName'].map((name) => header.indexOf(name));
  const pages = new Map<string, boolean[]>();
  let badLines = 0;
  for (const [at, line] of lines.entries()) {
    if (lengths[at]! > 1024 * 1024) {
      badLines++;
      continue;
    }
    const fields = line.replace(/\r$/, '').split('\t');
    const [id, prefix, typeName] = needed.map((column) => fields[column]);
    if (
      id === undefined ||
      prefix === undefined ||
      typeName === undefined ||
      !/^[0-9]+$/.test(id) ||
      Number(id) > 2147483647
    ) {
      badLines++;
      continue;
    }
    const lower = prefix.toLowerCase();
    const plateLike = ['plate', 'fig', 'pl.', 'pl '].some((part) => lower.includes(part));
    const matches = plateLike && (typeName === 'Drawing' || typeName === 'Illustration');
    pages.set(String(Number(id)), [...(pages.get(String(Number(id))) ?? []), matches]);
  }
  const ids = [...pages].filter(([, rows]) => rows.every((matches) => matches)).map(([id]) => id);
  return { ids: ids.sort(), badLines };
}

const pageId = fc.oneof(
  { weight: 8, arbitrary: fc.nat(40).map(String) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 2147483647 }).map(String) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'x', '1x', '-1', ' 1', '1.0', '2147483648', '99999999999999999999', '007', '٣'),
  },
);
const prefix = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('Plate', 'PLATE', 'Pl.', 'pl 3', 'pl', 'Fig', 'FİG', 'Fig. 2', 'figure', 'p l.'),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom('', 'Page', 'Tab.', 'Table', 'plаte', 'Page 1/Pl.', 'xplatex', 'pl\u00a0', '\0pl.'),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll(/[\t\n\r]/g, ' ')),
  },
  { weight: 1, arbitrary: fc.nat(300).map((length) => 'y'.repeat(length * 7)) },
);
const typeName = fc.constantFrom(
  'Illustration',
  'Illustration',
  'Drawing',
  'Text',
  'illustration',
  'Drawing ',
  '',
  'Map',
);
const rest = fc.constantFrom('\t2012-01-01 00:00', '', '\t', '\t2012\textra\tcolumns');
const row = fc
  .tuple(pageId, prefix, typeName, rest)
  .map(([id, front, type, end]) => `${id}\t1\t2\t\t\t\t${front}\t9\t${type}${end}`);
const oddLine = fc.constantFrom(
  '',
  '\t',
  '1',
  '1\t1\t2\t\t\t\tPlate',
  '\t\t\t\t\t\tPlate\t\tIllustration',
  'a\u000bb',
  '\r',
);
const line = fc.oneof({ weight: 12, arbitrary: row }, { weight: 1, arbitrary: oddLine });
const invalidUtf8 = fc.constantFrom(Buffer.from([0xff]), Buffer.from([0xc3, 0x28]), Buffer.from([0xe2, 0x82]));
const names = [
  'PageID',
  'ItemID',
  'SequenceOrder',
  'Year',
  'Volume',
  'Issue',
  'PagePrefix',
  'PageNumber',
  'PageTypeName',
];

const fileOf = (lines: fc.Arbitrary<string[]>, blockBytes: fc.Arbitrary<number>) =>
  fc
    .record({
      mark: fc.boolean(),
      lineEnd: fc.constantFrom('\n', '\r\n'),
      lastLineEnd: fc.boolean(),
      lines,
      broken: fc.option(fc.tuple(fc.nat(), invalidUtf8)),
      gzip: fc.boolean(),
      blockBytes,
    })
    .map(({ mark, lineEnd, lastLineEnd, lines: rows, broken, gzip, blockBytes: size }) => {
      const text = `${mark ? '\uFEFF' : ''}${[[...names, 'CreationDate'].join('\t'), ...rows].join(lineEnd)}${lastLineEnd ? lineEnd : ''}`;
      let bytes = Buffer.from(text);
      if (broken) {
        // Anywhere after the header: inside ids, prefixes and types, and across tabs.
        const from = bytes.indexOf(10) + 1;
        const at = from === 0 ? bytes.length : from + (broken[0] % Math.max(1, bytes.length - from));
        bytes = Buffer.concat([bytes.subarray(0, at), broken[1], bytes.subarray(at)]);
      }
      return { bytes, stored: gzip ? gzipSync(bytes, { level: 1 }) : bytes, blockBytes: size };
    });

const pageFile = fileOf(fc.array(line, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 500 }));

/** Around the window that is searched at once, twice it, and the longest line that is read: tabs and line ends fall beside each end. */
const hugeBytes = fc
  .tuple(fc.constantFrom(65_536, 131_072, 1_048_576, 1_200_000), fc.integer({ min: -120, max: 120 }))
  .map(([around, off]) => around + off);
const hugeRow = fc
  .tuple(pageId, prefix, typeName, hugeBytes, fc.constantFrom('before', 'prefix', 'after'))
  .map(([id, front, type, length, where]) => {
    const filler = (here: string) => (here === where ? 'y'.repeat(length) : '');
    return `${id}\t1\t2\t${filler('before')}\t\t\t${filler('prefix')}${front}\t9\t${type}\t${filler('after')}`;
  });
const hugeFile = fileOf(
  fc.array(fc.oneof({ weight: 3, arbitrary: line }, { weight: 1, arbitrary: hugeRow }), {
    minLength: 4,
    maxLength: 24,
  }),
  fc.integer({ min: 5000, max: 300_000 }),
);

function* inBlocks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('extractCandidates', () => {
  it('gives what a plain implementation of the reference rule gives, on thousands of nasty files', async () => {
    const rule = candidateRule('reference');
    let candidates = 0;
    await fc.assert(
      fc.asyncProperty(pageFile, async ({ bytes, stored, blockBytes }) => {
        const expected = plainReferenceRule(bytes);
        const found = await extractCandidates(inBlocks(stored, blockBytes), { file: 'page.txt', rule });
        expect(found.pageIds.map(String)).toEqual(expected.ids);
        expect(found.badLines).toBe(expected.badLines);
        candidates += expected.ids.length;
      }),
      { numRuns: 3000, seed: 1 },
    );
    // The comparison says something only if the files hold candidates.
    expect(candidates).toBeGreaterThan(1500);
    // A few seconds of work, but some hundred thousand hops between threads: long on a busy machine.
  }, 180_000);

  it('gives the same for lines that are longer than what is searched, held or read at once', async () => {
    const rule = candidateRule('reference');
    let candidates = 0;
    let badLines = 0;
    await fc.assert(
      fc.asyncProperty(hugeFile, async ({ bytes, stored, blockBytes }) => {
        const expected = plainReferenceRule(bytes);
        const found = await extractCandidates(inBlocks(stored, blockBytes), { file: 'page.txt', rule });
        expect(found.pageIds.map(String)).toEqual(expected.ids);
        expect(found.badLines).toBe(expected.badLines);
        candidates += expected.ids.length;
        badLines += expected.badLines;
      }),
      { numRuns: 150, seed: 1 },
    );
    expect(candidates).toBeGreaterThan(100);
    expect(badLines).toBeGreaterThan(100);
  }, 180_000);

  it('is right when the rows of a page are far apart', async () => {
    const header = names.join('\t');
    const rows = [
      '1\t\t\t\t\t\tPlate\t\tIllustration',
      '2\t\t\t\t\t\tPlate\t\tIllustration',
      '3\t\t\t\t\t\tPage\t\tText',
      '1\t\t\t\t\t\t\t\tText',
    ];
    const read = (rule: string) =>
      extractCandidates([Buffer.from([header, ...rows].join('\n'))], { file: 'page.txt', rule: candidateRule(rule) });
    expect((await read('reference')).pageIds).toEqual([2]);
    expect((await read('illustrated')).pageIds).toEqual([1, 2]);
  });

  it('does not drop the last candidate of a file without a last newline', async () => {
    const text = `${names.join('\t')}\n5\t\t\t\t\t\tFig.\t\tDrawing`;
    const found = await extractCandidates([Buffer.from(text)], { file: 'page.txt', rule: candidateRule('reference') });
    expect(found.pageIds).toEqual([5]);
  });
});
