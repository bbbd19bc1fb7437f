import { open, rename } from 'node:fs/promises';

/** Writes ids one a line, whole or not at all. The last line has its newline. */
export async function writeIdList(path: string, ids: readonly number[]): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w');
  try {
    for (let start = 0; start < ids.length; start += 10_000)
      await file.write(`${ids.slice(start, start + 10_000).join('\n')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
