import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const bin = fileURLToPath(new URL('../bin/florilegium.mjs', import.meta.url));
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'florilegium-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function florilegium(...args: string[]): { status: number; output: string } {
  try {
    return {
      status: 0,
      output: execFileSync(process.execPath, [bin, ...args], {
        cwd: dir,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { status, output: stdout + stderr };
  }
}

const header = 'PageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate';
const row = (id: number, prefix: string, type: string) => `${id}\t1\t1\t\t\t\t${prefix}\t\t${type}\t2020-01-01 00:00`;

describe('florilegium', () => {
  it('extracts candidates, the last id included, with the spelling of the reference too', () => {
    const lines = [
      header,
      row(9, 'Plate', 'Illustration'),
      row(10, 'Page', 'Text'),
      row(11, 'Taf.', 'Illustration'),
      row(100, 'Fig', 'Drawing'),
    ];
    writeFileSync(join(dir, 'page.txt.gz'), gzipSync(`\uFEFF${lines.join('\r\n')}`));
    expect(florilegium('extract', 'page.txt.gz', '--output_file', 'ids.txt', '--rule', 'reference').status).toBe(0);
    expect(readFileSync(join(dir, 'ids.txt'), 'utf8')).toBe('100\n9\n');
    expect(florilegium('extract', 'page.txt.gz', '--output-file=all.txt').status).toBe(0);
    expect(readFileSync(join(dir, 'all.txt'), 'utf8')).toBe('100\n11\n9\n');
  });

  it('extracts by a rule of its own file', () => {
    writeFileSync(join(dir, 'maps.txt'), [header, row(9, 'Plate', 'Illustration'), row(10, '', 'Map')].join('\n'));
    writeFileSync(join(dir, 'rules.json'), JSON.stringify([{ name: 'maps', typeNames: ['Map'] }]));
    const args = ['extract', 'maps.txt', '--output-file', 'maps-ids.txt', '--rule', 'maps'];
    expect(florilegium(...args, '--rules-file', 'rules.json').status).toBe(0);
    expect(readFileSync(join(dir, 'maps-ids.txt'), 'utf8')).toBe('10\n');
    expect(florilegium(...args).output).toContain('maps');
  });

  it('tells why a page is a candidate or not, by the rows that decide, wherever they stand', () => {
    const lines = [
      header,
      row(9, 'Plate', 'Text'),
      row(10, 'Page', 'Text'),
      row(9, '', 'Text'),
      row(11, '', 'Drawing'),
    ];
    writeFileSync(join(dir, 'why.txt'), lines.join('\n'));
    expect(florilegium('why', 'why.txt', '9')).toEqual({
      status: 0,
      output: [
        'page 9 is selected: these rows match (rule illustrated version 1, 2 rows)\n',
        '  line 2: prefix "Plate", number "", type "Text": prefix pattern Plate matches\n',
      ].join(''),
    });
    expect(florilegium('why', 'why.txt', '9', '--rule', 'reference').output).toBe(
      [
        'page 9 is not selected: no row matches (rule reference version 1, 2 rows)\n',
        '  line 2: prefix "Plate", number "", type "Text": prefix pattern plate matches\n',
        '  line 4: prefix "", number "", type "Text": nothing matches\n',
      ].join(''),
    );
    expect(florilegium('why', 'why.txt', '12')).toMatchObject({ status: 1, output: expect.stringContaining('12') });
    expect(florilegium('why', 'why.txt', 'x').status).not.toBe(0);
  });

  it('samples the same ids for the same seed, none of the excluded', () => {
    writeFileSync(join(dir, 'list.txt'), Array.from({ length: 500 }, (_, index) => index + 1).join('\n'));
    writeFileSync(join(dir, 'not.txt'), '1\n2\n3');
    const draw = (seed: string) =>
      florilegium('sample', 'list.txt', '--count', '100', '--seed', seed, '--exclude', 'not.txt').output;
    const ids = draw('7').trim().split('\n').map(Number);
    expect(new Set(ids).size).toBe(100);
    expect(ids.some((id) => id < 4)).toBe(false);
    expect(draw('7')).toBe(draw('7'));
    expect(draw('8')).not.toBe(draw('7'));
  });

  it('says in one line what is wrong, and fails', () => {
    expect(florilegium('extract', 'nowhere.txt', '--output-file', 'x')).toMatchObject({
      status: 1,
      output: expect.stringContaining('nowhere.txt'),
    });
    expect(florilegium('extract', 'page.txt.gz', '--output-file', 'x', '--rule', 'pretty')).toMatchObject({
      status: 1,
      output: expect.stringContaining('pretty'),
    });
    expect(florilegium('sample', 'list.txt', '--count', '9999')).toMatchObject({
      status: 1,
      output: expect.stringContaining('500'),
    });
    expect(florilegium('sample', 'list.txt', '--count', 'many').status).not.toBe(0);
    expect(florilegium('import', 'exports', '--server', 'http://127.0.0.1:9').status).toBe(1);
    expect(florilegium('lists', 'get', '1', '--server', 'http://127.0.0.1:9').status).toBe(1);
  });
});
