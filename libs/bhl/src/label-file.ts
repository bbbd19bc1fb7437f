import { invalidArgument } from '@florilegium/errors';

export type FileLabel = 'HQ' | 'LQ' | 'NOT_SURE';

/** Which label the file's 0 stands for; 1 is the other one and 2 always NOT_SURE. The reference project's is HQ. */
export interface LabelNumbering {
  zero: 'HQ' | 'LQ';
}

export interface LabelFileEntry {
  pageId: number;
  label: FileLabel;
  /** From 1. */
  line: number;
}

/** An entry that is no label: what stands there, and why it is not taken. */
export interface LabelFileFault {
  line: number;
  key: string;
  message: string;
}

const textMax = 60;

/**
 * The reference project's labels: a JSON object `{"<PageID>": 0 or 1 or 2}`. An entry whose key is no PageID, whose value is none of these, or whose PageID
 * came before is a fault and stops none of the others; of a PageID that comes twice the first entry counts.
 * @throws AppError invalid_argument with the line from which on the text is no such object
 */
export function readLabelFile(
  text: string,
  { zero }: LabelNumbering = { zero: 'HQ' },
): { entries: LabelFileEntry[]; faults: LabelFileFault[] } {
  const labels: Record<string, FileLabel> = { 0: zero, 1: zero === 'HQ' ? 'LQ' : 'HQ', 2: 'NOT_SURE' };
  const entries: LabelFileEntry[] = [];
  const faults: LabelFileFault[] = [];
  const lineOf = new Map<number, number>();
  for (const { key, value, line } of readFlatObject(text)) {
    const fault = (message: string) => faults.push({ line, key: key.slice(0, textMax), message });
    const pageId = Number(key);
    const label = typeof value === 'number' ? labels[value] : undefined;
    if (!/^\d{1,10}$/.test(key) || pageId < 1 || pageId > 2 ** 31 - 1) fault('the key is not a PageID');
    else if (label === undefined) fault(`the value is not 0, 1 or 2: ${JSON.stringify(value).slice(0, textMax)}`);
    else if (lineOf.has(pageId)) fault(`the PageID stands on line ${lineOf.get(pageId)} already`);
    else {
      lineOf.set(pageId, line);
      entries.push({ pageId, label, line });
    }
  }
  return { entries, faults };
}

/** The number of a label in such a file. */
export function labelNumberOf(label: FileLabel, { zero }: LabelNumbering = { zero: 'HQ' }): 0 | 1 | 2 {
  return label === 'NOT_SURE' ? 2 : label === zero ? 0 : 1;
}

interface Entry {
  key: string;
  value: unknown;
  line: number;
}

const blank = /[ \t\r\n]*/y;
const string = /"(?:[^"\\]|\\.)*"/y;
const scalar = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** JSON.parse would keep the last of two equal keys and tell no lines. */
function* readFlatObject(text: string): Generator<Entry> {
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  const skipBlank = () => {
    blank.lastIndex = at;
    for (const char of blank.exec(text)![0]) if (char === '\n') line++;
    at = blank.lastIndex;
  };
  const expected = (what: string) => {
    const found = at >= text.length ? 'the file ends' : JSON.stringify(text.slice(at, at + 20));
    return invalidArgument(`line ${line}: expected ${what}, found ${found}`, { details: { line } });
  };
  const take = (pattern: RegExp, what: string): unknown => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) throw expected(what);
    try {
      const value: unknown = JSON.parse(found);
      at = pattern.lastIndex;
      return value;
    } catch {
      throw expected(what);
    }
  };
  const takeSign = (sign: string) => {
    skipBlank();
    if (text[at] !== sign) return false;
    at++;
    return true;
  };
  if (!takeSign('{')) throw expected('a JSON object of PageIDs and labels');
  if (!takeSign('}'))
    for (;;) {
      skipBlank();
      const started = line;
      const key = take(string, 'a PageID in quotes') as string;
      if (!takeSign(':')) throw expected('":"');
      skipBlank();
      yield { key, value: take(scalar, 'a label'), line: started };
      if (takeSign(',')) continue;
      if (takeSign('}')) break;
      throw expected('"," or "}"');
    }
  skipBlank();
  if (at < text.length) throw expected('the end of the file');
}
