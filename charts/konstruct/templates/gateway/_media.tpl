{{/* Where files are kept, for gateway and llm. */}}
{{- define "konstruct.mediaEnv" -}}
{{- if eq .Values.media.store "S3" -}}
- name: KONSTRUCT_MEDIA_URL
  value: s3://{{ required "media.s3.bucket: name the bucket" .Values.media.s3.bucket }}
- name: KONSTRUCT_MEDIA_REGION
  value: {{ .Values.media.s3.region | quote }}
{{- with .Values.media.s3.endpoint }}
- name: KONSTRUCT_MEDIA_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.media.s3.secretName }}
- name: KONSTRUCT_MEDIA_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: accessKeyID
- name: KONSTRUCT_MEDIA_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: secretAccessKey
{{- end }}
{{- end -}}
{{- end }}
