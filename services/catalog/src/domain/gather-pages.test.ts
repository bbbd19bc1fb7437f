import { candidateRules, compileRule, DrawOf, readPageFile, seededDraw } from '@florilegium/bhl';
import { describe, expect, it } from 'vitest';
import { type GatheredPage, PageGatherer } from './gather-pages.ts';

const header = 'PageID\tItemID\tSequenceOrder\tPagePrefix\tPageNumber\tPageTypeName\n';
const plate = (pageId: number, number = '1') => `${pageId}\t7\t${pageId}\tPlate\t${number}\tIllustration\n`;

async function gather(blocks: Iterable<string>) {
  const gatherer = new PageGatherer(candidateRules.map(compileRule), new DrawOf(seededDraw(1, 'reservoir'), 10));
  const pages: { pageId: number; rowCount: number; neighbourCount: number }[] = [];
  const bad: string[] = [];
  const onPage = ({ pageId, rowCount, neighbourCount }: GatheredPage) =>
    void pages.push({ pageId, rowCount, neighbourCount });
  let peakBytes = 0;
  function* source() {
    yield Buffer.from(header);
    for (const block of blocks) yield Buffer.from(block);
  }
  const reading = readPageFile(source(), {
    file: 'page.txt',
    kindOf: (prefix, typeName) => gatherer.kindOf(prefix, typeName),
    onRow: (row) => gatherer.add(row, onPage),
    onBadLine: ({ reason }) => bad.push(reason),
  });
  for await (const _ of reading) peakBytes = Math.max(peakBytes, gatherer.heldBytes);
  gatherer.finish(onPage);
  return { gatherer, pages, bad, peakBytes };
}

function* times<Thing>(count: number, thing: (at: number) => Thing): Generator<Thing> {
  for (let at = 0; at < count; at++) yield thing(at);
}

const mebibyte = 2 ** 20;
const long = 'x'.repeat(500_000);

describe('pages of a damaged file', () => {
  it('have a thousand rows at most, the rest are bad lines', async () => {
    const { pages, bad, gatherer } = await gather(times(2500, () => plate(1)));
    expect(pages).toEqual([{ pageId: 1, rowCount: 1000, neighbourCount: 0 }]);
    expect(bad).toEqual(Array(1500).fill('too_many_rows'));
    expect(gatherer.typeCounts()).toEqual({ typeCounts: { Illustration: 1000 }, outsideTypeCounts: {} });
  });

  it('hold no more than some mebibytes, however long their rows', async () => {
    const { bad, peakBytes } = await gather(times(200, () => plate(1, long)));
    expect(bad.length).toBeGreaterThan(100);
    expect(peakBytes).toBeLessThan(20 * mebibyte);
  });

  it('are told before their item is whole when it is long', async () => {
    const { pages, bad, peakBytes } = await gather(times(200, (at) => plate(at + 1, long)));
    expect(bad).toEqual([]);
    expect(pages.map(({ pageId }) => pageId)).toEqual([...times(200, (at) => at + 1)]);
    expect(peakBytes).toBeLessThan(40 * mebibyte);
  });
});
