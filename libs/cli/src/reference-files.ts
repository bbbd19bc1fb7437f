// The reference project's JSON files, read with the line of every fault.
import { readFile } from 'node:fs/promises';
import { type FileLabel, type LabelNumbering, labelNumberOf, readLabelFile } from '@florilegium/bhl';
import { AppError, invalidArgument, messageOf } from '@florilegium/errors';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { writeWhole } from './write-file.ts';

export { labelNumberOf as labelNumberIn } from '@florilegium/bhl';
export type { FileLabel, LabelNumbering };

/** `[id, label]` or, where a person must label, `[id]`. */
export interface Relabel {
  pageId: number;
  label: FileLabel | undefined;
  line: number;
}

/** `--zero HQ|LQ`: what the files' 0 stands for. */
export const zeroOption = () =>
  new Option('--zero <label>', 'what 0 stands for in label files: HQ or LQ (1 is the other one, 2 NOT_SURE)')
    .default('HQ')
    .argParser((text: string) => {
      if (text !== 'HQ' && text !== 'LQ') throw new InvalidArgumentError('neither HQ nor LQ');
      return text;
    });

export const withZero = (command: Command): Command => command.addOption(zeroOption());

const faultsShown = 10;

/** @throws AppError invalid_argument naming file and line of every fault, the first ten of them */
export async function readLabels(path: string, numbering: LabelNumbering): Promise<Map<number, FileLabel>> {
  const text = await readFile(path, 'utf8');
  let read: ReturnType<typeof readLabelFile>;
  try {
    read = readLabelFile(text, numbering);
  } catch (error) {
    throw error instanceof AppError ? invalidArgument(`${path}: ${messageOf(error)}`, { cause: error }) : error;
  }
  refuse(
    path,
    read.faults.map(({ line, key, message }) => `line ${line}: ${JSON.stringify(key)}: ${message}`),
  );
  return new Map(read.entries.map(({ pageId, label }) => [pageId, label]));
}

/** In the order given, as the reference's scripts write them. */
export async function writeLabels(
  path: string,
  labels: Iterable<readonly [number, FileLabel]>,
  numbering: LabelNumbering,
): Promise<void> {
  // A Map's order, not an object's, which would sort whole numbers.
  const entries = Array.from(labels, ([pageId, label]) => `"${pageId}": ${labelNumberOf(label, numbering)}`);
  await writeWhole(path, `{${entries.join(', ')}}\n`);
}

/** @throws AppError invalid_argument naming file and line of every fault, the first ten of them */
export async function readRelabels(path: string, { zero }: LabelNumbering): Promise<Relabel[]> {
  const { root, lineOf } = await parseJson(path);
  if (root.type !== 'array') throw invalidArgument(`${path}: line 1: not a JSON array of [id, label] or [id]`);
  const labels: FileLabel[] = [zero, zero === 'HQ' ? 'LQ' : 'HQ', 'NOT_SURE'];
  const faults: string[] = [];
  const relabels: Relabel[] = [];
  for (const entry of root.children ?? []) {
    const line = lineOf(entry.offset);
    const [id, label, ...more] = entry.type === 'array' ? (entry.children ?? []) : [];
    const pageId = pageIdOf(id?.value);
    if (id === undefined || more.length > 0) faults.push(`line ${line}: not [id, label] or [id]`);
    else if (pageId === undefined) faults.push(`line ${line}: ${JSON.stringify(id.value)} is not a PageID`);
    else if (label !== undefined && labels[label.value as number] === undefined)
      faults.push(`line ${line}: the label of ${pageId} is not 0, 1 or 2: ${JSON.stringify(label.value)}`);
    else relabels.push({ pageId, label: label && labels[label.value as number], line });
  }
  refuse(path, faults);
  return relabels;
}

/** P(HQ) by PageID of one member, from its logits. */
export async function readPredictions(path: string, { zero }: LabelNumbering): Promise<Map<number, number>> {
  const { root, lineOf } = await parseJson(path);
  if (root.type !== 'object') throw invalidArgument(`${path}: line 1: not a JSON object of PageIDs and [logit, logit]`);
  const faults: string[] = [];
  const predictions = new Map<number, number>();
  for (const { children } of root.children ?? []) {
    const [key, value] = children as [Node, Node | undefined];
    const pageId = pageIdOf(key.value);
    const logits = value?.type === 'array' ? (value.children ?? []).map((logit) => logit.value as unknown) : [];
    const line = lineOf(key.offset);
    if (pageId === undefined) faults.push(`line ${line}: ${JSON.stringify(key.value)} is not a PageID`);
    else if (logits.length !== 2 || !logits.every((logit) => typeof logit === 'number' && Number.isFinite(logit)))
      faults.push(`line ${line}: the prediction of ${pageId} is not [logit, logit]`);
    else if (predictions.has(pageId)) faults.push(`line ${line}: ${pageId} is there twice`);
    else {
      const [first, second] = logits as [number, number];
      const ofZero = 1 / (1 + Math.exp(second - first));
      predictions.set(pageId, zero === 'HQ' ? ofZero : 1 - ofZero);
    }
  }
  refuse(path, faults);
  return predictions;
}

function pageIdOf(value: unknown): number | undefined {
  const pageId = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return Number.isInteger(pageId) && (pageId as number) > 0 && (pageId as number) < 2 ** 31
    ? (pageId as number)
    : undefined;
}

async function parseJson(path: string): Promise<{ root: Node; lineOf(offset: number): number }> {
  const text = (await readFile(path, 'utf8')).replace(/^\uFEFF/, '');
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  const lineOf = (offset: number) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const error = errors[0];
  if (error || !root) {
    const what = error ? printParseErrorCode(error.error) : 'ValueExpected';
    throw invalidArgument(`${path}: line ${lineOf(error?.offset ?? 0)}: not JSON (${what})`);
  }
  return { root, lineOf };
}

function refuse(path: string, faults: readonly string[]): void {
  if (faults.length === 0) return;
  const more = faults.length > faultsShown ? [`and ${faults.length - faultsShown} more`] : [];
  throw invalidArgument([...faults.slice(0, faultsShown).map((fault) => `${path}: ${fault}`), ...more].join('\n  '));
}
