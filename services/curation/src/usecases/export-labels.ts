import { type LabelNumbering, labelNumberOf } from '@florilegium/bhl';
import type { Store } from '../store.ts';

const batchPages = 5000;

/** The current labels, or those of a time, as the reference project's labels file, in ascending PageID; a few thousand are in memory at once. */
export async function* exportLabels(
  { store }: { store: Store },
  { numbering, asOf }: { numbering: LabelNumbering; asOf?: Date },
): AsyncGenerator<string> {
  let opened = '{';
  for (let after = 0; ; ) {
    const part = await store.labels.listCurrent({ asOf, after, limit: batchPages });
    if (part.length > 0) {
      yield `${opened}\n${part.map(({ pageId, label }) => `"${pageId}": ${labelNumberOf(label, numbering)}`).join(',\n')}`;
      opened = ',';
      after = part.at(-1)!.pageId;
    }
    if (part.length < batchPages) break;
  }
  yield opened === '{' ? '{}\n' : '\n}\n';
}
