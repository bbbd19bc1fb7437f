import { expect, it } from 'vitest';
import { type ItemFileRow, readItemFile } from './item-file.ts';
import { readTitleFile, type TitleFileRow } from './title-file.ts';

it('reads the rows of items, several for an item of several titles, and leaves out lines without an ItemID', async () => {
  const items: ItemFileRow[] = [];
  const lines: number[] = [];
  const text =
    'ItemID\tTitleID\tBarCode\tYear\tLicenseType\r\n5\t71\tflora01\t1836\tCC BY\r\n5\t72\tflora01\t1836\tCC BY\r\n\t1\tx\t\t\r\n6\t\tflora02\r\n';
  const reading = readItemFile([Buffer.from(text)], {
    file: 'item.txt',
    onItem: (item) => items.push(item),
    onBadLine: ({ line }) => lines.push(line),
  });
  for await (const _ of reading);
  expect(items.map(({ itemId, titleId, barCode, year }) => [itemId, titleId, barCode, year])).toEqual([
    [5, 71, 'flora01', '1836'],
    [5, 72, 'flora01', '1836'],
    [6, -1, 'flora02', ''],
  ]);
  expect(lines).toEqual([4]);
});

it('reads titles with quotes as they stand: the export quotes nothing', async () => {
  const titles: TitleFileRow[] = [];
  const text = 'TitleID\tFullTitle\tTL2Author\n7\t"Flora" d\'hiver\tL\'Héritier\n';
  for await (const _ of readTitleFile([Buffer.from(text)], {
    file: 'title.txt',
    onTitle: (title) => titles.push(title),
  }));
  expect(titles).toMatchObject([{ titleId: 7, fullTitle: '"Flora" d\'hiver', author: "L'Héritier", languageCode: '' }]);
});
