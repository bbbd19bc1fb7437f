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
    const id = readIdLine(raw, ++line);
    if (id !== undefined) ids.push(id);
  }
  return ids;
}

/** No line of a list is longer, blanks included; whatever is, is no list. */
const lineLengthMax = 200;

/**
 * The same from a stream of bytes, some thousand ids at a time.
 * @throws AppError invalid_argument naming the line that holds no PageID.
 */
export async function* readIdList(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<number[]> {
  const decoder = new TextDecoder();
  let line = 0;
  let rest = '';
  const read = (lines: readonly string[]) =>
    lines.flatMap((raw) => {
      const id = readIdLine(raw, ++line);
      return id === undefined ? [] : [id];
    });
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    // A line without an end would grow until the memory is full.
    if (rest.length > lineLengthMax) lines.push(rest);
    const ids = read(lines);
    if (ids.length > 0) yield ids;
  }
  const ids = read([rest + decoder.decode()]);
  if (ids.length > 0) yield ids;
}

function readIdLine(raw: string, line: number): number | undefined {
  const value = raw.trim().replace(/^\uFEFF/, '');
  if (value === '') return undefined;
  const id = Number(value);
  if (!/^\d{1,10}$/.test(value) || id > 2 ** 31 - 1) {
    throw invalidArgument(`line ${line} is not a PageID: ${JSON.stringify(value.slice(0, 40))}`, {
      details: { line },
    });
  }
  return id;
}
