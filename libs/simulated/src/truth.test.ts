import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTruth } from './truth.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'truth-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('readTruth', () => {
  it('reads the label of each page, with either line end', async () => {
    await writeFile(
      join(dir, 'truth.csv'),
      'PageID,label,kind,book\r\n7,HQ,plate,a\r\n8,LQ,text,a\n9,NOT_SURE,vignette,b',
    );
    expect(await readTruth(dir)).toEqual(
      new Map([
        [7, 'HQ'],
        [8, 'LQ'],
        [9, 'NOT_SURE'],
      ]),
    );
  });

  it.each(['x,HQ,k,b', '7,GOOD,k,b', '-1,HQ,k,b'])('names the line of %s', async (line) => {
    await writeFile(join(dir, 'truth.csv'), `PageID,label,kind,book\n5,LQ,k,b\n${line}\n`);
    await expect(readTruth(dir)).rejects.toThrow(/line 3 is not/);
  });
});
