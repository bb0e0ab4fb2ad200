{{/* The name of everything: the release's, with the chart's if that isn't in it already. */}}
{{- define "dunlin.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-dunlin" .Release.Name) (contains "dunlin" .Release.Name) -}}
{{- printf "%s-operator" ($name | trunc 54 | trimSuffix "-") -}}
{{- end -}}

{{- define "dunlin.selector" -}}
app.kubernetes.io/name: dunlin
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "dunlin.labels" -}}
{{ include "dunlin.selector" . }}
app.kubernetes.io/part-of: dunlin
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "dunlin.operatorImage" -}}
{{ .Values.operator.image.repository }}:{{ .Values.operator.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "dunlin.brokerImage" -}}
{{ .Values.broker.image.repository }}:{{ .Values.broker.image.tag | default .Chart.AppVersion }}
{{- end -}}
