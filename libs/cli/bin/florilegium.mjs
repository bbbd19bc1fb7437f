#!/usr/bin/env node
// The program is TypeScript, which Node 22 runs as it is; an older node hands over to the one that npm installed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 18)) await import(main);
else {
  const node = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));
  const { status, error } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (error) console.error(`florilegium: Node 22 is not installed; run npm ci (${error.message})`);
  process.exit(status ?? 1);
}
