import { invalidArgument } from '@florilegium/errors';

// 10 digits of an int32 padded to the right, times 16 to leave room for the length: below 2^53.
const digitsMax = 10;

/**
 * PageIDs in the order of their text ("10" before "9"), which is the order of the reference project's lists. Sorts numbers
 * that order like the text, 8 bytes an id, instead of strings.
 */
export function sortIdsAsText(ids: Iterable<number>): number[] {
  const keys = Float64Array.from(ids, (id) => {
    const digits = digitCountOf(id);
    return id * 10 ** (digitsMax - digits) * 16 + digits;
  });
  keys.sort();
  return Array.from(keys, (key) => {
    const digits = key % 16;
    return (key - digits) / 16 / 10 ** (digitsMax - digits);
  });
}

function digitCountOf(id: number): number {
  let digits = 1;
  for (let rest = id; rest >= 10; rest /= 10) digits++;
  return digits;
}

/**
 * A list of ids as text: one PageID a line, blanks and CR around it ignored, the last newline optional, empty lines skipped.
 * @throws AppError invalid_argument naming the line that holds no PageID.
 */
export function parseIdList(text: string): number[] {
  const ids: number[] = [];
  let line = 0;
  for (const raw of text.split('\n')) {
    line++;
    const value = raw.trim().replace(/^\uFEFF/, '');
    if (value === '') continue;
    const id = Number(value);
    if (!/^\d{1,10}$/.test(value) || id > 2 ** 31 - 1) {
      throw invalidArgument(`line ${line} is not a PageID: ${JSON.stringify(value.slice(0, 40))}`, {
        details: { line },
      });
    }
    ids.push(id);
  }
  return ids;
}
