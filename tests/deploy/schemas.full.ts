// Every object that the chart renders, for every combination of values that the documentation names, against the schemas of Kubernetes
// (the oldest version that Chart.yaml allows, the newest known) and of the CRDs; compose.yaml against the Compose Specification.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { isAllowed, podTemplateOf, type Rendered, referenceFaults } from './references.ts';
import {
  composeModule,
  findKubectl,
  kedaModule,
  prepareGoModule,
  prepareHelm,
  prepareKubernetesSchemas,
  prometheusOperatorModule,
} from './tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/helm/florilegium');
const examples = join(root, 'deploy/helm/examples');
const kubernetesVersions = ['v1.27.0', 'v1.34.0', 'v1.37.0'];

const helm = prepareHelm();
const kubernetes = prepareKubernetesSchemas();
const keda = prepareGoModule(kedaModule);
const prometheusOperator = prepareGoModule(prometheusOperatorModule);
const compose = prepareGoModule(composeModule);
const needed = {
  helm,
  'kubernetes-validate': kubernetes,
  [kedaModule]: keda,
  [prometheusOperatorModule]: prometheusOperator,
};
const missing = Object.keys(needed).filter((name) => needed[name as keyof typeof needed] === undefined);

type Manifest = Rendered;

/** The combinations of example files that the documentation names. */
const combinations: Record<string, string[]> = {
  quickstart: ['quickstart'],
  'quickstart, autoscaled and monitored': ['quickstart', 'autoscaled', 'monitored'],
  'servers of yours': ['servers-of-yours'],
  'S3 of AWS': ['servers-of-yours', 's3'],
  'S3 by a role': ['servers-of-yours', 's3-by-role'],
  'S3 in the cluster': ['servers-of-yours', 's3-minio'],
  'GPU pool': ['servers-of-yours', 'gpu'],
  autoscaled: ['servers-of-yours', 'autoscaled'],
  'GPU pool, autoscaled': ['servers-of-yours', 'gpu', 'autoscaled'],
  monitored: ['servers-of-yours', 'monitored'],
  everything: ['servers-of-yours', 's3', 'gpu', 'autoscaled', 'monitored'],
};

function render(files: string[], ...more: string[]): Manifest[] {
  const values = files.flatMap((name) => ['--values', join(examples, `${name}.yaml`)]);
  const text = execFileSync(
    helm!,
    ['template', 'florilegium', chart, '--namespace', 'florilegium', ...values, ...more],
    {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    },
  );
  return documentsOf(text);
}

const documentsOf = (text: string) =>
  parseAllDocuments(text, { uniqueKeys: true })
    .map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);

const lenient = { strict: false, allErrors: true, validateFormats: false, logger: false, inlineRefs: false } as const;

/** By `apiVersion kind`. */
function kubernetesValidators(version: string): (manifest: Manifest) => ValidateFunction | undefined {
  const definitions = JSON.parse(
    readFileSync(join(kubernetes!, `${version}-local-strict`, '_definitions.json'), 'utf8'),
  );
  const kinds = new Map<string, string>();
  for (const [name, definition] of Object.entries<{
    'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  }>(definitions.$defs)) {
    const [only, another] = definition['x-kubernetes-group-version-kind'] ?? [];
    if (only && !another) kinds.set(`${only.group ? `${only.group}/` : ''}${only.version} ${only.kind}`, name);
  }
  const validator = new Ajv2020(lenient);
  validator.addSchema(definitions);
  return ({ apiVersion, kind }) => {
    const name = kinds.get(`${apiVersion} ${kind}`);
    return name === undefined ? undefined : validator.getSchema(`${definitions.$id}#/$defs/${name}`);
  };
}

/** The API server drops fields that a CRD does not know; here they are faults. */
function strict(schema: Record<string, unknown>): Record<string, unknown> {
  if (Array.isArray(schema)) return schema.map(strict) as never;
  if (typeof schema !== 'object' || schema === null) return schema;
  const made: Record<string, unknown> = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, strict(value as Record<string, unknown>)]),
  );
  // Go's inline flag, which no other dialect knows.
  if (typeof made.pattern === 'string' && made.pattern.includes('(?i)')) delete made.pattern;
  if (schema.properties && schema.additionalProperties === undefined && !schema['x-kubernetes-preserve-unknown-fields'])
    return { ...made, additionalProperties: false };
  return made;
}

function crdValidators(): Map<string, ValidateFunction> {
  const files = [
    join(keda!, 'config/crd/bases/keda.sh_scaledobjects.yaml'),
    ...['servicemonitors', 'prometheusrules'].map((name) =>
      join(prometheusOperator!, `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`),
    ),
  ];
  const validators = new Map<string, ValidateFunction>();
  for (const file of files) {
    const { spec } = parse(readFileSync(file, 'utf8'));
    for (const { name, schema } of spec.versions) {
      const open = strict(schema.openAPIV3Schema) as { properties: Record<string, unknown> };
      // Its own schema leaves metadata to the API server.
      open.properties.metadata = { type: 'object' };
      validators.set(`${spec.group}/${name} ${spec.names.kind}`, new Ajv(lenient).compile(open));
    }
  }
  return validators;
}

describe.skipIf(missing.length > 0)(
  `what the chart renders${missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : ''}`,
  () => {
    const crds = missing.length > 0 ? new Map() : crdValidators();
    const byVersion =
      missing.length > 0
        ? []
        : kubernetesVersions.map((version) => ({ version, validatorOf: kubernetesValidators(version) }));

    function expectValid(manifests: Manifest[]): void {
      expect(manifests.length).toBeGreaterThan(20);
      for (const { version, validatorOf } of byVersion)
        for (const manifest of manifests) {
          const validate = crds.get(`${manifest.apiVersion} ${manifest.kind}`) ?? validatorOf(manifest);
          const what = `${version} ${manifest.kind} ${manifest.metadata.name}`;
          expect(validate, `${what}: a schema`).toBeDefined();
          validate!(manifest);
          expect(validate!.errors ?? [], what).toEqual([]);
        }
    }

    it('finds faults at all', () => {
      for (const { validatorOf } of byVersion) {
        const [deployment] = render(['quickstart']).filter(({ kind }) => kind === 'Deployment');
        const broken = structuredClone(deployment) as Manifest & { spec: Record<string, unknown> };
        broken.spec.replica = 2;
        expect(validatorOf(broken)!(broken)).toBe(false);
      }
      const [scaler] = render(['quickstart', 'autoscaled']).filter(({ kind }) => kind === 'ScaledObject');
      const broken = structuredClone(scaler) as Manifest & { spec: Record<string, unknown> };
      broken.spec.minReplica = 0;
      expect(crds.get('keda.sh/v1alpha1 ScaledObject')!(broken)).toBe(false);
    });

    it.each(Object.entries(combinations))('is valid with %s', (_, files) => {
      const manifests = render(files);
      expectValid(manifests);
      const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      expect(new Set(names).size, 'each object once').toBe(names.length);
      for (const { metadata } of manifests) expect(metadata.name.length).toBeLessThanOrEqual(63);
    });

    it.each(Object.entries(combinations))('refers only to what is there with %s', (_, files) => {
      // The Secrets that the README's commands make.
      const given = ['florilegium-database', 'florilegium-nats', 'florilegium-keys', 'florilegium-s3'];
      expect(referenceFaults(render(files), given)).toEqual([]);
    });

    it('lets through its network policies every connection that a pod makes, and no caller from elsewhere to gRPC or the servers', () => {
      const objects = render(['quickstart', 'autoscaled', 'monitored', 'gpu']);
      const allowed = (from: Record<string, string>, namespace: string, to: Record<string, string>, port: number) =>
        isAllowed(objects, { from, namespace, to, port });
      const podOf = (name: string) =>
        objects.flatMap((object) => (object.metadata.name === name ? (podTemplateOf(object) ?? []) : []))[0]!.metadata!
          .labels!;
      const own = 'florilegium';
      for (const name of ['florilegium-trainer-worker', 'florilegium-curation-api', 'florilegium-catalog-prepare-1']) {
        expect(allowed(podOf(name), own, podOf('florilegium-postgres'), 5432), name).toBe(true);
        expect(allowed(podOf(name), own, podOf('florilegium-nats'), 4222), name).toBe(true);
        expect(allowed(podOf(name), own, podOf('florilegium-catalog-api'), 9090), name).toBe(!name.includes('prepare'));
      }
      expect(allowed(podOf('florilegium-test'), own, podOf('florilegium-trainer-api'), 8080)).toBe(true);
      expect(allowed(podOf('florilegium-test'), own, podOf('florilegium-postgres'), 5432)).toBe(false);
      expect(allowed({}, 'ingress-nginx', podOf('florilegium-curation-api'), 8080)).toBe(true);
      expect(allowed({}, 'monitoring', podOf('florilegium-trainer-worker'), 8080)).toBe(true);
      expect(allowed({}, 'keda', podOf('florilegium-nats'), 8222)).toBe(true);
      for (const name of ['catalog', 'fetcher', 'inference', 'curation', 'trainer'])
        expect(allowed(podOf('florilegium-gateway'), own, podOf(`florilegium-${name}-api`), 8080), name).toBe(true);
      expect(allowed(podOf('florilegium-gateway'), own, podOf('florilegium-catalog-api'), 9090)).toBe(false);
      expect(allowed(podOf('florilegium-gateway'), own, podOf('florilegium-postgres'), 5432)).toBe(false);
      expect(allowed({}, 'ingress-nginx', podOf('florilegium-gateway'), 8080)).toBe(true);
      expect(allowed({}, 'default', podOf('florilegium-curation-api'), 8080)).toBe(false);
      expect(allowed({}, 'default', podOf('florilegium-catalog-api'), 9090)).toBe(false);
      expect(allowed({}, 'default', podOf('florilegium-postgres'), 5432)).toBe(false);
      expect(allowed({}, 'monitoring', podOf('florilegium-nats'), 8222)).toBe(false);
    });

    it('lets nobody read the monitoring of NATS where the values name nobody', () => {
      const objects = render(['quickstart'], '--set-json', 'networkPolicy.monitorFrom=[]');
      expectValid(objects);
      const nats = objects.find(
        ({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === 'florilegium-nats',
      )!;
      const to = podTemplateOf(nats)!.metadata!.labels!;
      expect(isAllowed(objects, { from: {}, namespace: 'keda', to, port: 8222 })).toBe(false);
      expect(isAllowed(objects, { from: {}, namespace: 'default', to, port: 8222 })).toBe(false);
    });

    it('is valid as deploy/k8s has it', () => {
      expectValid(documentsOf(readFileSync(join(root, 'deploy/k8s/quickstart.yaml'), 'utf8')));
    });

    it.skipIf(!findKubectl())(
      'is what kubectl builds from deploy/k8s: valid, in one namespace, with its Secret',
      () => {
        const folder = mkdtempSync(join(tmpdir(), 'florilegium-kustomize-'));
        try {
          execFileSync('cp', ['-r', `${join(root, 'deploy/k8s')}/.`, folder]);
          execFileSync('sh', [join(folder, 'make-secret.sh')], { stdio: 'ignore' });
          const built = documentsOf(
            execFileSync(findKubectl()!, ['kustomize', folder], { encoding: 'utf8', maxBuffer: 64 << 20 }),
          );
          expectValid(built);
          expect(referenceFaults(built, [])).toEqual([]);
          const others = built.filter(({ kind }) => kind !== 'Namespace');
          expect(new Set(others.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['florilegium']));
          // `kubectl apply` knows no hooks: the pod of `helm test` would run at once, and once.
          expect(built.filter(({ kind }) => kind === 'Pod')).toEqual([]);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );

    it('is valid with volumes, certificates and pools of yours', () => {
      const service = 'services.inference';
      const sets = [
        'certificateAuthority.configMap=authority',
        `${service}.extraVolumes[0].name=models`,
        `${service}.extraVolumes[0].persistentVolumeClaim.claimName=models`,
        `${service}.extraVolumeMounts[0].name=models`,
        `${service}.extraVolumeMounts[0].mountPath=/models`,
        `${service}.env.FLORILEGIUM_MODELS=/models`,
        `${service}.env.NODE_EXTRA_CA_CERTS=/models/ca.crt`,
      ];
      const objects = render(['servers-of-yours'], ...sets.flatMap((set) => ['--set', set]));
      expectValid(objects);
      const given = ['florilegium-database', 'florilegium-nats', 'florilegium-keys', 'models', 'authority'];
      expect(referenceFaults(objects, given)).toEqual([]);
    });

    it('is valid under a long name, in another namespace, with pull secrets and without network policies and keys', () => {
      const name = 'a-rather-long-name-of-a-release-that-somebody-chose';
      const sets = [
        'image.pullSecrets={registry}',
        'networkPolicy.enabled=false',
        'auth.enabled=false',
        'nodeSelector.disk=ssd',
      ];
      const text = execFileSync(helm!, ['template', name, chart, ...sets.flatMap((set) => ['--set', set])], {
        encoding: 'utf8',
      });
      expectValid(documentsOf(text));
    });

    it('names every combination that the documentation names', () => {
      const documented = ['deploy/helm/florilegium/README.md', 'docs/operations.md', 'deploy/k8s/gpu.md']
        .map((path) => readFileSync(join(root, path), 'utf8'))
        .join('\n');
      for (const file of readdirSync(examples)) expect(documented, `${file} is told of`).toContain(`examples/${file}`);
      expect(new Set(Object.values(combinations).flat())).toEqual(
        new Set(readdirSync(examples).map((file) => file.replace('.yaml', ''))),
      );
    });
  },
);

describe.skipIf(!compose)(`compose.yaml${compose ? '' : ` (skipped: no ${composeModule})`}`, () => {
  it.each(['compose.yaml', 'tests/deploy/compose.sample.yaml'])('%s follows the Compose Specification', (path) => {
    const schema = JSON.parse(readFileSync(join(compose!, 'schema/compose-spec.json'), 'utf8'));
    const validate = new Ajv({ strict: false, validateFormats: false, logger: false, validateSchema: false }).compile({
      ...schema,
      $schema: undefined,
    });
    validate(parse(readFileSync(join(root, path), 'utf8'), { merge: true }));
    expect(validate.errors ?? []).toEqual([]);
  });
});
