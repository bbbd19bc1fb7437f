import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { invalidArgument } from '@florilegium/errors';

export type TruthLabel = 'HQ' | 'LQ' | 'NOT_SURE';

export const truthLabels: readonly TruthLabel[] = ['HQ', 'LQ', 'NOT_SURE'];

/** What a careful person says of each page of a library, from `truth.csv` in its folder. Throws `invalid_argument` naming the line. */
export async function readTruth(dir: string): Promise<Map<number, TruthLabel>> {
  const path = join(dir, 'truth.csv');
  const truth = new Map<number, TruthLabel>();
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    if (number === 1 || line === '') continue;
    const [id = '', label = ''] = line.split(',', 2);
    const pageId = Number(id);
    if (!Number.isInteger(pageId) || pageId < 1 || !truthLabels.includes(label as TruthLabel))
      throw invalidArgument(`${path} line ${number} is not a PageID and one of ${truthLabels.join(', ')}: ${line}`);
    truth.set(pageId, label as TruthLabel);
  }
  return truth;
}
