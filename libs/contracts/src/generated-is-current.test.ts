import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const filesOf = (dir: string) =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(dir.length), readFileSync(path, 'utf8')]),
  );

it('regenerating from proto changes nothing, and buf lint has no complaint', () => {
  const out = mkdtempSync(join(tmpdir(), 'florilegium-gen-'));
  try {
    execFileSync(process.execPath, [fileURLToPath(new URL('../scripts/generate.ts', import.meta.url))], {
      env: { ...process.env, GENERATE_OUT: out },
    });
    expect(filesOf(out)).toEqual(filesOf(fileURLToPath(new URL('./gen', import.meta.url))));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}, 60_000);
