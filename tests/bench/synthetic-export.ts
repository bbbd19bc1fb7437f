import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Numbers in [0, 1) from a seed: the generator of Numerical Recipes, good enough for a file that only has to look right. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const header =
  '\uFEFFPageID\tItemID\tSequenceOrder\tYear\tVolume\tIssue\tPagePrefix\tPageNumber\tPageTypeName\tCreationDate\r\n';
const platePrefixes = ['Plate', 'Pl.', 'Fig.', 'Tab.', 'Taf.', 'Planche', 'Lám.', ''];
const linesPerChunk = 5000;

/**
 * page.txt.gz of about `rowCount` rows in BHL's form, and the items' file: items of 150 to 650 pages, 5 % of the pages
 * picture-like (some with a second row that says Text), the rest text, blanks, covers and indices.
 */
export async function writeSyntheticExport(
  folder: string,
  rowCount: number,
): Promise<{ pageFile: string; rows: number; pictureLike: number; pages: number }> {
  const pageFile = join(folder, 'page.txt.gz');
  const made = { rows: 0, pictureLike: 0, pages: 0, items: 0 };
  const random = numbers(1);

  function* pages(): Generator<string> {
    yield header;
    let lines: string[] = [];
    let pageId = 1000;
    while (made.rows < rowCount) {
      const itemId = 100 + ++made.items;
      const year = 1700 + Math.floor(random() * 230);
      const pageCount = 150 + Math.floor(random() * 500);
      for (let sequence = 1; sequence <= pageCount && made.rows < rowCount; sequence++) {
        pageId++;
        made.pages++;
        const start = `${pageId}\t${itemId}\t${sequence}\t${year}\tv.${1 + (itemId % 40)}\t\t`;
        const end = '\t2012-05-04 09:30\r\n';
        if (random() < 0.05) {
          made.pictureLike++;
          const prefix = platePrefixes[Math.floor(random() * platePrefixes.length)]!;
          lines.push(`${start}${prefix}\t${1 + (sequence % 60)}\tIllustration${end}`);
          if (random() < 0.3) {
            lines.push(`${start}\t\tText${end}`);
            made.rows++;
          }
        } else {
          const kind = random();
          const typeName = sequence < 3 ? 'Cover' : kind < 0.9 ? 'Text' : kind < 0.97 ? 'Blank' : 'Index';
          lines.push(`${start}${typeName === 'Text' ? `Page\t${sequence}` : '\t'}\t${typeName}${end}`);
        }
        made.rows++;
        if (lines.length < linesPerChunk) continue;
        yield lines.join('');
        lines = [];
      }
    }
    yield lines.join('');
  }

  await pipeline(Readable.from(pages()), createGzip(), createWriteStream(pageFile));

  function* items(): Generator<string> {
    yield '\uFEFFItemID\tTitleID\tBarCode\tVolumeInfo\tYear\tInstitutionName\tCopyrightStatus\tRightsStatement\tLicenseType\tRightsHolder\r\n';
    for (let item = 1; item <= made.items; item++) {
      yield `${100 + item}\t${1 + (item % 9000)}\tflora${100 + item}\tv.${item % 40}\t${1700 + (item % 230)}\tA library\tPublic domain.\t\t\t\r\n`;
    }
  }
  await pipeline(Readable.from(items()), createGzip(), createWriteStream(join(folder, 'item.txt.gz')));
  const { rows, pictureLike, pages: pageCount } = made;
  return { pageFile, rows, pictureLike, pages: pageCount };
}
