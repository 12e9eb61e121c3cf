{{/* Pieces of our own NetworkPolicies. */}}
{{- define "konstruct.peer" -}}
podSelector:
  matchLabels:
    {{- include "konstruct.selector" (dict "component" .) | nindent 4 }}
{{- end }}
{{- define "konstruct.dnsEgress" }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.dns.namespace }}
      podSelector:
        matchLabels:
          {{- $parts := splitn "=" 2 .Values.dns.selector }}
          {{ $parts._0 }}: {{ $parts._1 }}
    {{- range .Values.dns.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - protocol: UDP
      port: {{ .Values.dns.port }}
    - protocol: TCP
      port: {{ .Values.dns.port }}
{{- end }}
{{- define "konstruct.databaseEgress" }}
{{- if eq .Values.postgres.mode "External" }}
- to:
    {{- range .Values.networkPolicies.database.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - protocol: TCP
      port: {{ .Values.networkPolicies.database.port }}
{{- else if eq .Values.postgres.mode "CloudNativePG" }}
- to:
    - podSelector:
        matchLabels:
          cnpg.io/cluster: konstruct-postgres
  ports:
    - protocol: TCP
      port: 5432
{{- else }}
- to:
    - {{ include "konstruct.peer" "postgres" | nindent 6 | trim }}
  ports:
    - protocol: TCP
      port: 5432
{{- end }}
{{- end }}
{{/* To the collector of traces: its ranges, else its namespace where its name is that of a Service, else any address. */}}
{{- define "konstruct.tracesEgress" }}
{{- with .Values.tracing.endpoint }}
{{- $url := urlParse . }}
{{- $parts := splitList "." (first (splitList ":" $url.host)) }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
- ports:
    - protocol: TCP
      port: {{ default (ternary "443" "80" (eq $url.scheme "https")) $port }}
  {{- if $.Values.tracing.cidrs }}
  to:
    {{- range $.Values.tracing.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  {{- else if or (eq (len $parts) 2) (and (gt (len $parts) 2) (eq (index $parts 2) "svc")) }}
  to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ index $parts 1 }}
  {{- else if eq (len $parts) 1 }}
  to:
    - podSelector: {}
  {{- end }}
{{- end }}
{{- end }}
{{- define "konstruct.internetEgress" }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{ toJson (list "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12" "192.168.0.0/16") }}
    - ipBlock:
        cidr: ::/0
        except: ["::1/128", "fc00::/7", "fe80::/10"]
    {{- range .Values.networkPolicies.extraEgressCIDRs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
{{- end }}
{{- define "konstruct.apiServerEgress" }}
- to:
    {{- range .Values.networkPolicies.apiServer.cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range .Values.networkPolicies.apiServer.ports }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end }}
{{- define "konstruct.from" }}
{{- with . }}
from:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
