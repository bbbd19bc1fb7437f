import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { copyFile, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Keeps every `*.log` of a folder under `bytesMax` by copying it to `*.log.1` and emptying it. The writers hold the files
 * open for appending, in other processes, so a rename would not reach them; what they write during the copy is lost.
 */
export function boundLogFiles(folder: string, bytesMax = 16 * 2 ** 20, intervalMs = 15_000): () => void {
  const timer = setInterval(() => void boundOnce(folder, bytesMax).catch(() => {}), intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function boundOnce(folder: string, bytesMax: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.log')) continue;
    const path = join(folder, name);
    if ((await stat(path)).size <= bytesMax) continue;
    await copyFile(path, `${path}.1`);
    await truncate(path);
  }
}

const tailBytesMax = 8_192;
const lineCharsMax = 300;

/** The end of a log in one line, for an error message: of JSON lines the texts, of others the last ones. Empty when there is none. */
export function lastLogLines(path: string, linesMax = 2): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, tailBytesMax));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    const lines = buffer
      .toString('utf8')
      .split('\n')
      .slice(size > tailBytesMax ? 1 : 0);
    const texts = lines.map(textOfLine).filter((line) => line !== '');
    return texts.slice(-linesMax).join(' | ');
  } finally {
    closeSync(file);
  }
}

function textOfLine(line: string): string {
  if (!line.startsWith('{')) return line.trim().slice(0, lineCharsMax);
  try {
    const { level, msg, reason } = JSON.parse(line) as { level?: string; msg?: string; reason?: string };
    // What a dying service says last is that it stops; the fault stands in a line before.
    if (level === 'info' || level === 'debug') return '';
    return [msg, reason].filter(Boolean).join(': ').slice(0, lineCharsMax);
  } catch {
    return '';
  }
}
