import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type PageFileRow, readPageFile } from './page-file.ts';
import type { BadLine, ReadProgress } from './tab-file.ts';

const header = 'PageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate';

interface Read {
  rows: PageFileRow[];
  bad: BadLine[];
  progress: ReadProgress;
}

async function read(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, lineBytesMax?: number): Promise<Read> {
  const rows: PageFileRow[] = [];
  const bad: BadLine[] = [];
  let progress: ReadProgress | undefined;
  const reading = readPageFile(source, {
    file: 'page.txt.gz',
    kindOf: (prefix, typeName) => `${prefix}|${typeName}`,
    onRow: (row) => {
      const fields = row.fields();
      if (row.kind !== `${fields.prefix}|${fields.typeName}`) throw new Error(`${row.kind} is not of line ${row.line}`);
      rows.push(fields);
    },
    onBadLine: (line) => bad.push(line),
    lineBytesMax,
  });
  for await (const step of reading) progress = step;
  return { rows, bad, progress: progress! };
}

function* inPieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('readPageFile', () => {
  const text = `\uFEFF${header}\r\n12\t3\t4\t1836\tv.1\t\tTaf.\tXII\tIllustration\t2012-01-01 00:00\r\n13\t3\t5\t\t\t\t図版\t\tText\t\r\n`;
  const expected: PageFileRow[] = [
    {
      pageId: 12,
      itemId: 3,
      sequence: 4,
      year: '1836',
      volume: 'v.1',
      issue: '',
      prefix: 'Taf.',
      number: 'XII',
      typeName: 'Illustration',
    },
    {
      pageId: 13,
      itemId: 3,
      sequence: 5,
      year: '',
      volume: '',
      issue: '',
      prefix: '図版',
      number: '',
      typeName: 'Text',
    },
  ];

  it('reads plain and gzip files alike, cut into blocks of any size', async () => {
    const plain = Buffer.from(text);
    for (const bytes of [plain, gzipSync(plain)]) {
      for (const size of [1, 2, 7, 64, 4096]) {
        const { rows, progress } = await read(inPieces(bytes, size));
        expect(rows).toEqual(expected);
        expect(progress).toEqual({ bytes: plain.length, lines: 3, rows: 2, badLines: 0 });
      }
    }
  });

  it('reads gzip members that follow each other as one file', async () => {
    const [first, second] = [Buffer.from(text.slice(0, 120)), Buffer.from(text.slice(120))];
    expect((await read([gzipSync(first), gzipSync(second)])).rows).toEqual(expected);
  });

  it('finds columns by name, in any order, and takes absent optional ones as empty', async () => {
    const { rows } = await read([Buffer.from('PageTypeName\tNote\tPagePrefix\tPageID\nMap\tx\tPl.\t7')]);
    expect(rows).toEqual([
      {
        pageId: 7,
        itemId: -1,
        sequence: -1,
        year: '',
        volume: '',
        issue: '',
        prefix: 'Pl.',
        number: '',
        typeName: 'Map',
      },
    ]);
  });

  it('counts bad lines with number and reason and reads on', async () => {
    const row = (id: string) => `${id}\t1\t1\t\t\t\tPlate\t1\tText`;
    const lines = [
      header,
      row('1'),
      row(''),
      row('12a'),
      row('-4'),
      row(' 5'),
      row('2147483648'),
      '9\t1\tPlate',
      '',
      row('8'),
    ];
    const { rows, bad, progress } = await read([Buffer.from(lines.join('\n'))]);
    expect(rows.map(({ pageId }) => pageId)).toEqual([1, 8]);
    expect(bad).toEqual([
      { line: 3, reason: 'id_not_numeric' },
      { line: 4, reason: 'id_not_numeric' },
      { line: 5, reason: 'id_not_numeric' },
      { line: 6, reason: 'id_not_numeric' },
      { line: 7, reason: 'id_out_of_range' },
      { line: 8, reason: 'too_few_columns' },
      { line: 9, reason: 'too_few_columns' },
    ]);
    expect(progress).toMatchObject({ lines: 10, rows: 2, badLines: 7 });
  });

  it('passes over a line longer than the limit, however it is cut', async () => {
    const bytes = Buffer.from(
      `${header}\n1\t1\t1\t\t\t\t${'x'.repeat(50_000)}\t1\tText\n2\t1\t1\t\t\t\tPlate\t1\tText\n`,
    );
    for (const size of [100, 3000, 100_000]) {
      const { rows, bad } = await read(inPieces(bytes, size), 1000);
      expect(rows.map(({ pageId }) => pageId)).toEqual([2]);
      expect(bad).toEqual([{ line: 2, reason: 'line_too_long' }]);
    }
  });

  it('turns invalid UTF-8 and NUL into the replacement character', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${header}\n1\t1\t1\t\t\t\tPl`),
      Buffer.from([0xff, 0x00]),
      Buffer.from('\t1\tText\n'),
    ]);
    expect((await read([bytes])).rows[0]!.prefix).toBe('Pl\uFFFD\uFFFD');
  });

  it('judges each pair of prefix and type once, also when there are more pairs than it holds', async () => {
    const lines = [header];
    for (let id = 0; id < 20_000; id++) lines.push(`${id}\t1\t1\t\t\t\tPage ${id}\t\tText`);
    for (let id = 0; id < 1000; id++) lines.push(`${id}\t1\t1\t\t\t\tPage\t\tText`);
    const { rows } = await read(inPieces(Buffer.from(lines.join('\n')), 65_536));
    expect(rows).toHaveLength(21_000);
  });

  it('does not take (ab, c) for (a, bc)', async () => {
    const { rows } = await read([
      Buffer.from(`${header}\n1\t\t\t\t\t\tab\t\tc\n2\t\t\t\t\t\ta\t\tbc\n3\t\t\t\t\t\tab\t\tc`),
    ]);
    expect(rows.map(({ prefix }) => prefix)).toEqual(['ab', 'a', 'ab']);
  });

  it('refuses a header without a column it needs, naming it', async () => {
    const fault = { code: 'invalid_argument', message: 'page.txt.gz: line 1: the header has no column PageTypeName' };
    await expect(read([Buffer.from('PageID\tPagePrefix\n')])).rejects.toMatchObject(fault);
    await expect(read([])).rejects.toMatchObject({ message: 'page.txt.gz: the file is empty' });
  });

  it('says of damaged gzip data what and where', async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) => `${id}\t1\t${id * 7919}\t\t\t\tPage\t${id * 31}\tText`);
    const sound = gzipSync([header, ...lines].join('\n'));
    const cut = read(inPieces(sound.subarray(0, sound.length - 100), 1000));
    await expect(cut).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/^page\.txt\.gz is not a sound gzip file: it ends too early after line \d+$/),
    });
    const damaged = Buffer.from(sound);
    damaged.fill(0x55, sound.length / 2, sound.length / 2 + 64);
    await expect(read([damaged])).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('is not a sound gzip file'),
    });
  });

  it('lets the failure of the source through as it is', async () => {
    const broken = new Error('connection reset');
    const sound = gzipSync(text);
    async function* source(): AsyncGenerator<Buffer> {
      yield sound.subarray(0, 40);
      throw broken;
    }
    await expect(read(source())).rejects.toBe(broken);
  });
});
