// Builds the web UI when its sources are newer than what was built. No dependencies of its own: the start of `npm start` uses it.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const web = join(root, 'services', 'curation', 'web');

export async function buildWebUi({ node, say, fail }) {
  const built = join(web, 'dist', 'index.html');
  const sources = ['index.html', 'package.json', 'vite.config.ts', 'src', 'public'].map((name) => join(web, name));
  if (existsSync(built) && statSync(built).mtimeMs >= Math.max(...sources.map(newestChangeMs))) return;
  const startedAt = Date.now();
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const child = spawn(node, [vite, 'build', '--logLevel', 'error', web], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const status = await new Promise((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', resolve);
  });
  if (status === 0) say(`web UI built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  else fail(`the web UI could not be built:\n${said}`);
}

/** Of a file, or of everything below a folder. */
function newestChangeMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newestChangeMs(join(path, name))));
}
