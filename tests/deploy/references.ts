// What no schema says and an API server, or a pod that never starts, would: names, labels, and that everything that is referred to is there.

interface Metadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}
interface PodTemplate {
  metadata?: Metadata;
  spec: {
    serviceAccountName?: string;
    containers: {
      name: string;
      ports?: { name: string; containerPort: number }[];
      env?: { name: string; valueFrom?: { secretKeyRef?: { name: string; key: string } } }[];
      volumeMounts?: { name: string; mountPath: string }[];
      lifecycle?: unknown;
      [probe: string]: unknown;
    }[];
    volumes?: {
      name: string;
      configMap?: { name: string };
      secret?: { secretName: string };
      persistentVolumeClaim?: { claimName: string };
    }[];
  };
}
interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}
export interface Rendered {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  // Read by kind.
  // biome-ignore lint/suspicious/noExplicitAny: the schemas have judged its form already
  spec?: any;
}

const labelValue = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const portName = /^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/;
const objectName = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

export const podTemplateOf = ({ kind, metadata, spec }: Rendered): PodTemplate | undefined => {
  if (kind === 'Pod') return { metadata, spec };
  return ['Deployment', 'StatefulSet', 'Job'].includes(kind) ? spec.template : undefined;
};

export function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Record<string, string> = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator === 'In') return values.includes(labels[key] ?? '');
      if (operator === 'Exists') return key in labels;
      throw new Error(`${operator} is not known here`);
    })
  );
}

/**
 * Faults, each in a line.
 * @param given names of Secrets and claims that the release does not make itself
 */
export function referenceFaults(objects: readonly Rendered[], given: readonly string[]): string[] {
  const faults: string[] = [];
  const pods = objects.flatMap((object) => {
    const template = podTemplateOf(object);
    return template ? [{ object, template, labels: template.metadata?.labels ?? {} }] : [];
  });
  const has = (kind: string, name: string) =>
    given.includes(name) || objects.some((object) => object.kind === kind && object.metadata.name === name);
  const selects = (selector: Selector) => pods.filter(({ labels }) => matches(selector, labels));

  for (const { kind, metadata, spec } of objects) {
    const fault = (text: string) => faults.push(`${kind} ${metadata.name}: ${text}`);
    if (!objectName.test(metadata.name) || metadata.name.length > (kind === 'Service' ? 63 : 253))
      fault('is not a name');
    for (const [key, value] of Object.entries(metadata.labels ?? {}))
      if (!labelValue.test(value)) fault(`label ${key}=${value}`);
    if (kind === 'Service') {
      const behind = selects({ matchLabels: spec.selector });
      if (behind.length === 0) fault('selects no pod');
      for (const { name, targetPort } of spec.ports) {
        if (!portName.test(name)) fault(`port ${name}`);
        for (const { object, template } of behind)
          if (!template.spec.containers.some(({ ports = [] }) => ports.some((port) => port.name === targetPort)))
            fault(`${object.metadata.name} has no port ${targetPort}`);
      }
    }
    if (['PodDisruptionBudget', 'Deployment', 'StatefulSet'].includes(kind) && selects(spec.selector).length !== 1)
      fault('selects other than its own pods');
    if (kind === 'NetworkPolicy' && selects(spec.podSelector).length === 0) fault('is for no pod');
    if (kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
      if (!has('Deployment', spec.scaleTargetRef.name)) fault(`no ${spec.scaleTargetRef.name}`);
    if (kind === 'StatefulSet' && !has('Service', spec.serviceName)) fault(`no Service ${spec.serviceName}`);
    if (kind === 'Ingress')
      for (const { path, backend } of spec.rules[0].http.paths)
        if (!has('Service', backend.service.name)) fault(`${path} leads to no Service`);
    if (
      kind === 'ServiceMonitor' &&
      !objects.some((object) => object.kind === 'Service' && matches(spec.selector, object.metadata.labels))
    )
      fault('selects no Service');
  }
  for (const { object, template } of pods) {
    const fault = (text: string) => faults.push(`${object.kind} ${object.metadata.name}: ${text}`);
    const { containers, volumes = [], serviceAccountName } = template.spec;
    // A hook before the install runs before the release's own objects are there.
    const early = object.metadata.annotations?.['helm.sh/hook']?.includes('pre-install') ?? false;
    if (serviceAccountName && (early || !has('ServiceAccount', serviceAccountName)))
      fault(`no ServiceAccount ${serviceAccountName}`);
    for (const volume of volumes) {
      const secret = volume.secret?.secretName;
      if (
        volume.configMap &&
        (early ? !given.includes(volume.configMap.name) : !has('ConfigMap', volume.configMap.name))
      )
        fault(`no ConfigMap ${volume.configMap.name}`);
      if (secret && !has('Secret', secret)) fault(`no Secret ${secret}`);
      const claim = volume.persistentVolumeClaim?.claimName;
      if (claim && (early ? !given.includes(claim) : !has('PersistentVolumeClaim', claim))) fault(`no claim ${claim}`);
    }
    for (const container of containers) {
      const names = (container.env ?? []).map(({ name }) => name);
      for (const name of names) if (names.filter((other) => other === name).length > 1) fault(`${name} is set twice`);
      for (const { valueFrom } of container.env ?? []) {
        const wanted = valueFrom?.secretKeyRef;
        if (!wanted || given.includes(wanted.name)) continue;
        const secret = objects.find(({ kind, metadata }) => kind === 'Secret' && metadata.name === wanted.name);
        if (!secret || !(wanted.key in { ...secret.stringData, ...secret.data }))
          fault(`no ${wanted.key} in the Secret ${wanted.name}`);
      }
      const claimed: string[] = object.spec.volumeClaimTemplates?.map(({ metadata }: Rendered) => metadata.name) ?? [];
      for (const { name } of container.volumeMounts ?? [])
        if (!claimed.includes(name) && !volumes.some((volume) => volume.name === name)) fault(`no volume ${name}`);
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        const of = container[probe] as { httpGet?: { port: string | number }; grpc?: { port: number } } | undefined;
        const port = of?.httpGet?.port ?? of?.grpc?.port;
        if (
          port !== undefined &&
          !container.ports?.some(({ name, containerPort }) => name === port || containerPort === port)
        )
          fault(`${probe} asks the port ${port}`);
      }
    }
  }
  return faults;
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: unknown;
}
interface Rule {
  ports?: { port: number }[];
  from?: Peer[];
  to?: Peer[];
}

/** Whether the policies of the release let a pod, of the release or of another namespace, reach a port of one of its pods. */
export function isAllowed(
  objects: readonly Rendered[],
  call: { from: Record<string, string>; namespace: string; to: Record<string, string>; port: number },
): boolean {
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  const ofPod = (labels: Record<string, string>, type: string) =>
    policies.filter(({ spec }) => spec.policyTypes.includes(type) && matches(spec.podSelector, labels));
  const isPeer = (peer: Peer, labels: Record<string, string>, namespace: string) => {
    if (peer.ipBlock) return false;
    const inNamespace = peer.namespaceSelector
      ? matches(peer.namespaceSelector, { 'kubernetes.io/metadata.name': namespace })
      : namespace === 'florilegium';
    return inNamespace && (!peer.podSelector || matches(peer.podSelector, labels));
  };
  const lets = (rules: Rule[] = [], side: 'from' | 'to', labels: Record<string, string>, namespace: string) =>
    rules.some(
      (rule) =>
        (!rule.ports || rule.ports.some(({ port }) => port === call.port)) &&
        // No peers, be it that none are named or that the list is empty, are all peers.
        (!rule[side]?.length || rule[side].some((peer) => isPeer(peer, labels, namespace))),
    );
  const ingress = ofPod(call.to, 'Ingress');
  const egress = call.namespace === 'florilegium' ? ofPod(call.from, 'Egress') : [];
  return (
    (ingress.length === 0 || ingress.some(({ spec }) => lets(spec.ingress, 'from', call.from, call.namespace))) &&
    (egress.length === 0 || egress.some(({ spec }) => lets(spec.egress, 'to', call.to, 'florilegium')))
  );
}
