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

{{- define "florilegium.storeClaim" -}}
{{ .Values.objectStore.existingClaim | default (printf "%s-objects" (include "florilegium.name" .)) }}
{{- end }}

{{- define "florilegium.storeAccessMode" -}}
{{ .Values.objectStore.accessMode | default (ternary "ReadWriteOnce" "ReadWriteMany" .Values.quickstart.enabled) }}
{{- end }}
