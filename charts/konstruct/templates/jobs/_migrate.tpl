{{/* The pod that migrates and makes the log-ins. */}}
{{- define "konstruct.migratePod" -}}
{{- $component := dict "root" . "component" "job" -}}
metadata:
  {{- include "konstruct.podMetadata" $component | nindent 2 }}
spec:
  restartPolicy: OnFailure
  automountServiceAccountToken: false
  {{- include "konstruct.podBasics" (merge (dict "values" .Values.jobs) $component) | nindent 2 }}
  containers:
    - name: migrate
      image: {{ include "konstruct.image" (dict "root" . "program" "gateway") }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: ["python", "-m", "konstruct_store", "prepare"]
      env:
        {{- include "konstruct.databaseURL" (dict "root" . "program" "owner") | nindent 8 }}
        {{- range list "gateway" "llm" "portal" }}
        {{- include "konstruct.databaseURL" (dict "root" $ "program" . "name" (printf "KONSTRUCT_%s_DATABASE_URL" (upper .))) | nindent 8 }}
        {{- end }}
      resources:
        {{- toYaml .Values.jobs.resources | nindent 8 }}
      securityContext:
        {{- include "konstruct.containerSecurity" . | nindent 8 }}
{{- end }}

{{/* The pod that makes the portal's first account. */}}
{{- define "konstruct.firstAccountPod" -}}
{{- $component := dict "root" . "component" "job" -}}
metadata:
  {{- include "konstruct.podMetadata" $component | nindent 2 }}
spec:
  restartPolicy: OnFailure
  automountServiceAccountToken: false
  {{- include "konstruct.podBasics" (merge (dict "values" .Values.jobs) $component) | nindent 2 }}
  initContainers:
    {{- include "konstruct.waitForSchema" (dict "root" . "program" "portal") | nindent 4 }}
  containers:
    - name: first-account
      image: {{ include "konstruct.image" (dict "root" . "program" "portal") }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: ["python", "-m", "konstruct_portal"]
      args: ["create-user", "$(FIRST_EMAIL)", "--role=admin", "--if-absent", "--password-from-environment"]
      env:
        - name: FIRST_EMAIL
          valueFrom:
            secretKeyRef:
              name: {{ include "konstruct.firstLoginSecret" . }}
              key: email
        - name: KONSTRUCT_PASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ include "konstruct.firstLoginSecret" . }}
              key: password
        {{- include "konstruct.databaseURL" (dict "root" . "program" "portal") | nindent 8 }}
        {{- include "konstruct.fromKeys" (dict "root" . "name" "KONSTRUCT_CHAT_KEY" "key" "chatKey") | nindent 8 }}
      resources:
        {{- toYaml .Values.jobs.resources | nindent 8 }}
      securityContext:
        {{- include "konstruct.containerSecurity" . | nindent 8 }}
{{- end }}
