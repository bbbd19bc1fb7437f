#!/usr/bin/env node
// The start of `npm start`, `npm test` and `npm run evaluate`: installs what is missing, then runs the program on the Node of node_modules.
// Has no dependencies and runs on Node 20 and later, since at its start nothing is installed.
//   node scripts/setup.mjs start [options]   the main job on the whole stack
//   node scripts/setup.mjs test [filters]    the tests; the last line is `tests: N passed, N failed, N skipped`
//   node scripts/setup.mjs evaluate [options]  learning curves of the product's own code
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWebUi } from './build-web-ui.mjs';

const nodeMajorMin = 20;
const installTimeoutMs = 10 * 60_000;
const installAttemptsMax = 2;
// npm's own waits (10 s and 60 s between tries, for each package) keep a machine without a network busy for minutes.
const npmOptions = [
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--prefer-offline',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=5000',
];
const noNetwork = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH/;

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...path) => join(root, ...path);
const node22 = inRoot('node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node');

const [mode, ...args] = process.argv.slice(2);
if (!['start', 'test', 'evaluate'].includes(mode))
  fail('usage: node scripts/setup.mjs start|test|evaluate [arguments]', 2);
if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
  fail(`Node.js ${nodeMajorMin} or later is needed, this is ${process.version}`);
}
await installPackages();
await buildWebUi({ node: node22, say, fail });
if (mode === 'start') await runMainJob();
else if (mode === 'test') await runTests();
else await runEvaluation();

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line, status = 1) {
  process.stderr.write(`${line}\n`);
  process.exit(status);
}

async function installPackages() {
  const lockFile = inRoot('package-lock.json');
  const stampFile = inRoot('node_modules', '.florilegium-lock');
  const lockHash = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  if (isInstalled(lockFile, stampFile, lockHash)) return;

  for (let attempt = 1; ; attempt++) {
    const { status, output } = await runNpmCi(attempt);
    if (status === 0 && existsSync(node22)) break;
    if (status === 0) {
      fail(
        'npm did not run the install scripts, which bring Node 22: run `npm config set ignore-scripts false`, then again',
      );
    }
    if (attempt === installAttemptsMax || noNetwork.test(output)) failInstall(output);
    say('npm ci failed, trying once more');
  }
  writeFileSync(stampFile, lockHash);
}

/** npm writes node_modules/.package-lock.json last. A newer lock file with the same content (a fresh checkout) is no reason to install. */
function isInstalled(lockFile, stampFile, lockHash) {
  const installed = inRoot('node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(node22)) return false;
  if (statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs) return true;
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lockHash;
}

async function runNpmCi(attempt) {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  // npm tells its children where it lies; started by hand, it is on the PATH.
  const npm = process.env.npm_execpath;
  const [command, first] = npm && /\.c?js$/.test(npm) ? [process.execPath, [npm]] : ['npm', []];
  const child = spawn(command, [...first, 'ci', ...npmOptions], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: installTimeoutMs,
    // Its script wants to download a CUDA library, which we do not use, and npm 10 knows no allowScripts.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', ONNXRUNTIME_NODE_INSTALL_CUDA: 'skip' },
  });
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  const isTerminal = process.stderr.isTTY;
  const line = () => `installing npm packages${attempt > 1 ? ' again' : ''} … ${seconds()} s`;
  if (!isTerminal) say('installing npm packages');
  const timer = setInterval(
    () => (isTerminal ? process.stderr.write(`\r${line()}`) : say(line())),
    isTerminal ? 500 : 15_000,
  );
  const status = await new Promise((resolve) => {
    child.once('error', (error) => {
      keep(error.message);
      resolve(127);
    });
    child.once('close', (code) => resolve(code ?? 124));
  });
  clearInterval(timer);
  if (isTerminal) process.stderr.write('\r\x1b[K');
  if (status === 0) say(`npm packages installed in ${seconds()} s`);
  return { status, output };
}

function failInstall(output) {
  if (noNetwork.test(output) || /ECONNRESET|ETIMEDOUT|EIDLETIMEOUT/.test(output)) {
    fail('npm packages are missing and the npm registry cannot be reached: connect to the network and run this again');
  }
  const said = output
    .split('\n')
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, '').trim())
    .filter((line) => line !== '' && !/complete log of this run|debug-\d\.log/.test(line));
  fail(
    `npm packages could not be installed: ${said.slice(0, 3).join(' | ') || 'npm ci failed'} (run \`npm ci\` to see more)`,
  );
}

async function runMainJob() {
  // The channel tells the job that we are gone, even by SIGKILL.
  const job = spawn(
    node22,
    ['--disable-warning=ExperimentalWarning', inRoot('libs', 'stack', 'src', 'main-job-main.ts'), ...args],
    {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    },
  );
  await follow(job);
}

async function runEvaluation() {
  const main = inRoot('tests', 'evaluate', 'main.ts');
  await follow(spawn(node22, ['--disable-warning=ExperimentalWarning', main, ...args], { stdio: 'inherit' }));
}

async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'florilegium-report-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitest = spawn(node22, [inRoot('node_modules', 'vitest', 'vitest.mjs'), 'run', ...reporters, ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${inRoot('node_modules', '.bin')}:${process.env.PATH ?? ''}` },
  });
  await follow(vitest, () => {
    const counts = readCounts(report);
    rmSync(folder, { recursive: true, force: true });
    process.stdout.write(`tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  });
}

/** A run that wrote no report, and a file that fell before its tests, count as one failure: none must look like success. */
function readCounts(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    const failedFiles = report.testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    ).length;
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + failedFiles,
      skipped: report.numPendingTests + (report.numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** Undefined where there is no /proc. */
function parentOf(pid) {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Passes signals on, ends as the child ends; when npm, who started us, is killed, the child is told to stop. */
async function follow(child, atEnd = () => {}) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) {
    // npm starts us through a shell, which outlives a killed npm.
    const shell = process.ppid;
    const npm = parentOf(shell);
    setInterval(() => {
      if (process.ppid !== shell || parentOf(shell) !== npm) child.kill('SIGTERM');
    }, 1_000).unref();
  }
  const { code, signal } = await new Promise((resolve) => {
    child.once('error', (error) => {
      say(`${node22} cannot be run: ${error.message}`);
      resolve({ code: 1, signal: null });
    });
    child.once('exit', (exitCode, exitSignal) => resolve({ code: exitCode, signal: exitSignal }));
  });
  atEnd();
  process.exit(code ?? { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 }[signal] ?? 1);
}
