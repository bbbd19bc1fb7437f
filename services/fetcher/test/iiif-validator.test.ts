import { execFile, spawnSync } from 'node:child_process';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from './harness.ts';

/**
 * The official validator (PyPI: iiif-validator) against the service, where it is installed: its tests of version 3.0 up to level 2, and those of
 * the features beyond it that info.json states. `python3` and `iiif-validate.py` are found by PATH.
 */

const stated = [
  'rot_mirror',
  'rot_mirror_180',
  'rot_full_non90',
  'rot_region_non90',
  'linkheader_canonical',
  'linkheader_profile',
];
/**
 * Wants 400 for a box that is larger than the image (`!2000,3000`), for which version 3.0 says "as large as possible but not larger than the
 * extracted region": the image as it is. Its other sizes beyond the image are in iiif.test.ts.
 */
const contradictsVersion3 = ['size_noup'];

interface Validator {
  /** Of the ten by ten squares of its picture, by column and row. */
  colours: [number, number, number][][];
  levels: Record<string, { level: number }>;
}

const asked = spawnSync(
  'python3',
  [
    '-c',
    `import json
from iiif_validator.validator import TestSuite, ValidationInfo
info = ValidationInfo()
print(json.dumps({'colours': info.colorInfo, 'levels': TestSuite(info).list_tests('3.0')}))`,
  ],
  { encoding: 'utf8' },
);
const validator: Validator | undefined =
  asked.status === 0 ? JSON.parse(asked.stdout.trim().split('\n').at(-1)!) : undefined;

const side = 1000;
const pageId = 711;
let fetcher: Harness;

describe.skipIf(!validator)(
  validator
    ? 'the official IIIF validator'
    : 'the official IIIF validator: not run, iiif-validator (PyPI) is not installed',
  () => {
    beforeAll(async () => {
      fetcher = await startHarness();
      await fetcher.start({ role: 'worker' });
      const raw = Buffer.alloc(side * side * 3);
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++)
          raw.set(validator!.colours[Math.floor(x / 100)]![Math.floor(y / 100)]!, (y * side + x) * 3);
      const picture = await sharp(raw, { raw: { width: side, height: side, channels: 3 } })
        .webp({ lossless: true, effort: 0 })
        .toBuffer();
      fetcher.source.pictures.set(`${pageId}/full`, picture);
      // Its own requests wait five seconds at most.
      expect((await fetcher.get(`/iiif/3/${pageId}/full/max/0/default.jpg`)).status).toBe(200);
    });
    afterAll(() => fetcher?.close());

    it('passes each of its tests for the stated level and features, but for one that contradicts version 3.0', async () => {
      const ofLevel = Object.entries(validator!.levels).flatMap(([name, { level }]) => (level <= 2 ? [name] : []));
      const names = [...ofLevel, ...stated].filter((name) => !contradictsVersion3.includes(name));
      const { host } = new URL((await fetcher.get(`/iiif/3/${pageId}/info.json`)).url);
      const args = ['-s', host, '-p', 'iiif/3', '-i', String(pageId), '--version=3.0'];
      const report = await new Promise<string>((resolve) => {
        execFile('iiif-validate.py', [...args, ...names.flatMap((name) => ['--test', name])], (_error, out, log) =>
          resolve(out + log),
        );
      });
      const passed = [...report.matchAll(/test (\w+) PASS/g)].map(([, name]) => name);
      expect(passed.sort(), report).toEqual(names.sort());
      expect(ofLevel.length).toBeGreaterThan(25);
    }, 120_000);
  },
);
