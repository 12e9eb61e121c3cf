{{/* Labels of everything. Arguments: root, component (may be empty). */}}
{{- define "konstruct.labels" -}}
app.kubernetes.io/name: konstruct
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What selects a component's pods; the agents' policies rely on these two. */}}
{{- define "konstruct.selector" -}}
app.kubernetes.io/name: konstruct
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* An image. Arguments: root, program. */}}
{{- define "konstruct.image" -}}
{{- $image := .root.Values.image -}}
{{- $digest := index $image.digests .program -}}
{{- if $digest -}}
{{ printf "%s/%s@%s" $image.repository .program $digest }}
{{- else -}}
{{ printf "%s/%s:%s" $image.repository .program (default .root.Chart.AppVersion $image.tag) }}
{{- end -}}
{{- end }}

{{- define "konstruct.keysSecret" -}}
{{ default "konstruct-keys" .Values.keys.existingSecret }}
{{- end }}

{{- define "konstruct.firstLoginSecret" -}}
{{ default "konstruct-first-login" .Values.firstLogin.existingSecret }}
{{- end }}

{{/* One environment variable from the keys' Secret. Arguments: root, name, key. */}}
{{- define "konstruct.fromKeys" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ include "konstruct.keysSecret" .root }}
      key: {{ .key }}
{{- end }}

{{- define "konstruct.databaseHost" -}}
{{- if eq .Values.postgres.mode "CloudNativePG" }}konstruct-postgres-rw{{ else }}konstruct-postgres{{ end -}}
{{- end }}

{{/* KONSTRUCT_DATABASE_URL of a program. Arguments: root, program (owner, gateway, llm, portal), name. */}}
{{- define "konstruct.databaseURL" -}}
{{- $mode := .root.Values.postgres.mode -}}
{{- $name := default "KONSTRUCT_DATABASE_URL" .name -}}
{{- if eq $mode "External" -}}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ required "postgres.external.secretName: name the Secret with the database's URLs" .root.Values.postgres.external.secretName }}
      key: {{ .program }}URL
{{- else if and (eq $mode "CloudNativePG") (eq .program "owner") -}}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: konstruct-postgres-app
      key: uri
{{- else -}}
{{- $password := printf "%s_PASSWORD" $name }}
{{- include "konstruct.fromKeys" (dict "root" .root "name" $password "key" (printf "%sDatabasePassword" .program)) }}
- name: {{ $name }}
  value: postgresql://{{ if eq .program "owner" }}konstruct{{ else }}konstruct_{{ .program }}_login{{ end }}:$({{ $password }})@{{ include "konstruct.databaseHost" .root }}:5432/konstruct
{{- end -}}
{{- end }}

{{/* What every pod has in common: no service links, restricted security, places. Arguments: root, component, values; fsGroup if it writes a volume. */}}
{{- define "konstruct.podBasics" -}}
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .fsGroup }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "konstruct.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "konstruct.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "konstruct.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{/* Labels and annotations of a pod. Arguments: root, component, annotations (may be empty). */}}
{{- define "konstruct.podMetadata" -}}
labels:
  {{- include "konstruct.selector" . | nindent 2 }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.podAnnotations }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Environment that every program reads. */}}
{{- define "konstruct.commonEnv" -}}
# glibc keeps an arena per thread; two are enough and save up to a third of the memory.
- name: MALLOC_ARENA_MAX
  value: "2"
- name: KONSTRUCT_LOG_LEVEL
  value: {{ .Values.logLevel | upper }}
{{- with .Values.tracing.endpoint }}
- name: KONSTRUCT_TRACES_ENDPOINT
  value: {{ . | quote }}
- name: KONSTRUCT_TRACES_SAMPLE_PERCENT
  value: {{ $.Values.tracing.samplePercent | quote }}
{{- end }}
{{- end }}

{{/* The first container of a program with a database: its program starts on a schema that fits it. */}}
{{- define "konstruct.waitForSchema" -}}
- name: wait-for-schema
  image: {{ include "konstruct.image" (dict "root" .root "program" .program) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  command: ["python", "-m", "konstruct_store", "wait"]
  env:
    {{- include "konstruct.databaseURL" (dict "root" .root "program" .program) | nindent 4 }}
  resources:
    {{- toYaml .root.Values.jobs.resources | nindent 4 }}
  securityContext:
    {{- include "konstruct.containerSecurity" . | nindent 4 }}
{{- end }}

{{/* Annotations of a hook. Arguments: events, weight. */}}
{{- define "konstruct.hook" -}}
helm.sh/hook: {{ .events }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
