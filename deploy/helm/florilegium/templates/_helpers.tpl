{{- define "florilegium.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "florilegium.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "florilegium.labels" -}}
{{ include "florilegium.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* What the restricted pod security standard asks for, with a read-only root besides. */}}
{{- define "florilegium.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "florilegium.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "florilegium.quickstartSecret" -}}
{{ .Values.quickstart.existingSecret | default (printf "%s-quickstart" (include "florilegium.name" .)) }}
{{- end }}

{{/* Arguments: root, own (the Secret's name outside the quickstart). */}}
{{- define "florilegium.secret" -}}
{{- if .root.Values.quickstart.enabled }}{{ include "florilegium.quickstartSecret" .root }}{{ else }}{{ .own }}{{ end }}
{{- end }}

{{- define "florilegium.usesS3" -}}
{{- if .Values.objectStore.s3.bucket }}true{{ end }}
{{- end }}

{{- define "florilegium.storeClaim" -}}
{{ .Values.objectStore.existingClaim | default (printf "%s-objects" (include "florilegium.name" .)) }}
{{- end }}

{{- define "florilegium.storeAccessMode" -}}
{{ .Values.objectStore.accessMode | default (ternary "ReadWriteOnce" "ReadWriteMany" .Values.quickstart.enabled) }}
{{- end }}

{{- define "florilegium.storeUrl" -}}
{{- with .Values.objectStore.s3 }}
{{- if .bucket }}
{{- $query := list }}
{{- with .endpoint }}{{ $query = append $query (printf "endpoint=%s" (urlquery .)) }}{{ end }}
{{- with .region }}{{ $query = append $query (printf "region=%s" (urlquery .)) }}{{ end }}
{{- if .endpoint }}{{ $query = append $query (printf "pathStyle=%t" .pathStyle) }}{{ end }}
{{- printf "s3://%s%s" .bucket (ternary "" (printf "/%s" (trimAll "/" .prefix)) (eq .prefix "")) }}{{ if $query }}?{{ join "&" $query }}{{ end }}
{{- else }}file:///objects{{ end }}
{{- end }}
{{- end }}

{{/* Arguments: root, service (or gateway), role (api, worker or prepare). */}}
{{- define "florilegium.image" -}}
{{- $values := .root.Values.image }}
{{- $of := dict }}
{{- if ne .role "prepare" }}{{ $of = index (index .root.Values.services .service) .role }}{{ end }}
{{- if and (gt (int $of.gpus) 0) (ne .service "trainer") (not $of.image) }}
{{- fail (printf "services.%s.%s.gpus: only trainer has an image with CUDA; name one of yours in services.%s.%s.image" .service .role .service .role) }}
{{- end }}
{{- $tag := $values.tag | default .root.Chart.AppVersion }}
{{- $form := ternary "-gpu" "" (gt (int $of.gpus) 0) }}
{{- $of.image | default (printf "%s/%s:%s%s" $values.repository .service $tag $form) | quote }}
{{- end }}

{{- define "florilegium.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Where PostgreSQL and NATS are. Arguments: root, service, optional (whether a pod may start without the Secrets, to say which variable it misses). */}}
{{- define "florilegium.serverEnv" -}}
{{- $values := .root.Values }}
- name: DATABASE_URL
  valueFrom: { secretKeyRef: { name: {{ include "florilegium.secret" (dict "root" .root "own" $values.database.existingSecret) }}, key: {{ .service }}{{ if .optional }}, optional: true{{ end }} } }
- name: NATS_URL
  valueFrom: { secretKeyRef: { name: {{ include "florilegium.secret" (dict "root" .root "own" $values.nats.existingSecret) }}, key: NATS_URL{{ if .optional }}, optional: true{{ end }} } }
- { name: NATS_NAMESPACE, value: {{ $values.nats.namespace | quote }} }
- { name: NATS_REPLICAS, value: {{ $values.nats.replicas | quote }} }
{{- end }}

{{/* The stream of work in JetStream, as libs/messaging names it. */}}
{{- define "florilegium.workStream" -}}
{{ .Values.nats.namespace | upper | replace "-" "_" }}_WORK
{{- end }}

{{/* An address of each pod, not one for all: KEDA asks the leader of a consumer. */}}
{{- define "florilegium.natsMonitor" -}}
{{- if .Values.quickstart.enabled }}{{ include "florilegium.name" . }}-nats.{{ .Release.Namespace }}.svc.cluster.local:8222
{{- else }}{{ required "autoscaling.keda needs nats.monitorEndpoint: host:port of the headless Service in front of NATS's monitoring port" .Values.nats.monitorEndpoint }}{{ end }}
{{- end }}

{{/* The certificates of an authority of yours, for each container that calls out: in its env, volumeMounts and volumes. */}}
{{- define "florilegium.caEnv" -}}
{{- with .Values.certificateAuthority }}
{{- if or .configMap .secret }}
- { name: NODE_EXTRA_CA_CERTS, value: {{ printf "/etc/florilegium/ca/%s" .key | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "florilegium.caMount" -}}
{{- with .Values.certificateAuthority }}
{{- if or .configMap .secret }}
- { name: certificate-authority, mountPath: /etc/florilegium/ca, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- define "florilegium.caVolume" -}}
{{- with .Values.certificateAuthority }}
{{- if .configMap }}
- name: certificate-authority
  configMap: { name: {{ .configMap }} }
{{- else if .secret }}
- name: certificate-authority
  secret: { secretName: {{ .secret }} }
{{- end }}
{{- end }}
{{- end }}

{{/* Connections to PostgreSQL at most: every pod that there may be, one more of each api while it is replaced, the jobs that prepare a release. */}}
{{- define "florilegium.connectionsMax" -}}
{{- $autoscaling := .Values.autoscaling }}
{{- $pool := int .Values.database.poolMax }}
{{- $sum := 0 }}
{{- range $service, $of := .Values.services }}
{{- $apis := ternary (int ($of.api.hpa | default dict).maxReplicas) (int $of.api.replicas) (and $autoscaling.hpa (not (not $of.api.hpa))) }}
{{- $workers := ternary (int ($of.worker.keda | default dict).maxReplicas) (int $of.worker.replicas) (and $autoscaling.keda (not (not $of.worker.keda))) }}
{{- /* The import of catalog's workers has a pool of its own. */}}
{{- $sum = add $sum (mul $pool (add $apis 1 $workers)) (ternary (mul 4 $workers) 0 (eq $service "catalog")) 2 }}
{{- end }}
{{- $sum }}
{{- end }}
