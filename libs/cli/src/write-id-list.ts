import { writeWhole } from './write-file.ts';

/** Writes ids one a line, whole or not at all. The last line has its newline. */
export async function writeIdList(path: string, ids: readonly number[]): Promise<void> {
  await writeWhole(path, linesOf(ids));
}

async function* linesOf(ids: readonly number[]): AsyncGenerator<string> {
  for (let start = 0; start < ids.length; start += 10_000) yield `${ids.slice(start, start + 10_000).join('\n')}\n`;
}
