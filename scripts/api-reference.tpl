{{- /* docs/api.md from the resource definition; scripts/manifests renders it with helm, inside a ConfigMap. */ -}}
{{- define "kind" -}}
{{- if .enum -}}
{{- range $i, $value := .enum }}{{ if $i }}, {{ end }}`{{ $value }}`{{ end -}}
{{- else if index . "x-kubernetes-int-or-string" -}}
integer or string
{{- else if eq .type "array" -}}
list of {{ .items.type }}
{{- else if .additionalProperties -}}
map of {{ .additionalProperties.type }}
{{- else -}}
{{ .type }}
{{- end -}}
{{- end -}}

{{- define "bounds" -}}
{{- $words := list -}}
{{- if and (hasKey . "minimum") (hasKey . "maximum") }}{{ $words = append $words (printf "%v to %v" (int64 .minimum) (int64 .maximum)) }}
{{- else if hasKey . "minimum" }}{{ $words = append $words (printf "at least %v" (int64 .minimum)) }}
{{- else if hasKey . "maximum" }}{{ $words = append $words (printf "at most %v" (int64 .maximum)) }}{{ end -}}
{{- if hasKey . "maxLength" }}{{ $words = append $words (printf "at most %v characters" (int64 .maxLength)) }}{{ end -}}
{{- if hasKey . "maxItems" }}{{ $words = append $words (printf "at most %v" (int64 .maxItems)) }}{{ end -}}
{{- if .pattern }}{{ $words = append $words (printf "`%s`" (.pattern | replace "|" "\\|")) }}{{ end -}}
{{- join ", " $words -}}
{{- end -}}

{{- define "fields" -}}
{{- $parent := .path -}}
{{- $required := .schema.required | default list -}}
{{- range $name, $field := .schema.properties }}
{{- $path := printf "%s%s" $parent $name }}
| `{{ $path }}` | {{ include "kind" $field }} | {{ if hasKey $field "default" }}`{{ toJson $field.default }}`{{ else if has $name $required }}required{{ end }} | {{ $field.description | default "" | replace "|" "\\|" | trim }} | {{ include "bounds" $field }} |
{{- if $field.properties }}{{ include "fields" (dict "path" (printf "%s." $path) "schema" $field) }}{{ end }}
{{- if $field.items }}{{ include "fields" (dict "path" (printf "%s[]." $path) "schema" $field.items) }}{{ end }}
{{- end }}
{{- end -}}

{{- define "rules" -}}
{{- $path := .path -}}
{{- range index .schema "x-kubernetes-validations" }}
- `{{ $path | default "the object" }}`: {{ .message }}
{{- end }}
{{- range $name, $field := .schema.properties }}
{{- include "rules" (dict "path" (trimPrefix "." (printf "%s.%s" $path $name)) "schema" $field) }}
{{- end }}
{{- with .schema.items }}{{ include "rules" (dict "path" (printf "%s[]" $path) "schema" .) }}{{ end }}
{{- end -}}

{{- define "reference" -}}
{{- $crd := .Files.Get "files/redisrebalances.yaml" | fromYaml -}}
{{- $version := first $crd.spec.versions -}}
{{- $schema := $version.schema.openAPIV3Schema -}}
# RedisRebalance

Made from `crds/redisrebalances.yaml` by scripts/manifests: edit that. `apiVersion: {{ $crd.spec.group }}/{{ $version.name }}`, short name
`{{ first $crd.spec.names.shortNames }}`. {{ $schema.description }}

## Spec

| field | type | default | what it is | bounds |
|---|---|---|---|---|
{{- include "fields" (dict "path" "spec." "schema" $schema.properties.spec) }}

## Rules across fields
{{ include "rules" (dict "path" "" "schema" $schema) }}

## Status

| field | type | default | what it is | bounds |
|---|---|---|---|---|
{{- include "fields" (dict "path" "status." "schema" $schema.properties.status) }}
{{ end -}}
apiVersion: v1
kind: ConfigMap
metadata: {name: reference}
data:
  api.md: |
    {{- include "reference" . | nindent 4 }}
