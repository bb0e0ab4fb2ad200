package main

import (
	"encoding/json"
	"maps"
	"slices"
)

// field is one row of a table, its cells in Markdown.
type field struct {
	path        string // dotted, from spec or status
	kind        string
	preset      string // the default, or that there has to be a value
	description string
	limits      []string // sentences
}

// kubernetesTypes are Kubernetes' own types, by the name of the field that has one: they are named,
// not unrolled.
var kubernetesTypes = map[string]string{
	"affinity":          "core/v1.Affinity",
	"allowedNamespaces": "meta/v1.LabelSelector",
	"conditions":        "[]meta/v1.Condition",
	"imagePullSecrets":  "[]core/v1.LocalObjectReference",
	"resources":         "core/v1.ResourceRequirements",
	"tolerations":       "[]core/v1.Toleration",
}

// fields returns the rows of everything below s, which stands at path.
func fields(path string, s schema) []field {
	var rows []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		childPath := path + "." + name
		rows = append(rows, row(childPath, name, child, slices.Contains(s.Required, name)))
		if _, foreign := kubernetesTypes[name]; !foreign {
			rows = append(rows, inner(childPath, child)...)
		}
	}
	return rows
}

// inner returns the rows of what a field holds: an object's fields, or those of a list's items or
// a map's values.
func inner(path string, s schema) []field {
	switch {
	case s.Items != nil && s.Items.Schema != nil:
		return inner(path+"[]", *s.Items.Schema)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return inner(path+".*", *s.AdditionalProperties.Schema)
	}
	return fields(path, s)
}

// row describes one field.
func row(path, name string, s schema, required bool) field {
	f := field{path: path, kind: typeName(s), preset: preset(s)}
	if name, foreign := kubernetesTypes[name]; foreign {
		f.kind, f.preset, s = name, "", schema{Description: s.Description}
	}
	if required {
		f.preset = "**required**"
	}
	f.description, f.limits = cell(s.Description), limits(s)
	return f
}

// typeName is the type as a user writes it: string, integer, boolean, quantity, object, list or map.
func typeName(s schema) string {
	switch {
	case s.XIntOrString:
		return "quantity"
	case s.Items != nil && s.Items.Schema != nil:
		return "[]" + typeName(*s.Items.Schema)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "map of " + typeName(*s.AdditionalProperties.Schema)
	case s.Format == "date-time":
		return "time"
	}
	return s.Type
}

// preset is the default value, empty where there is none worth a cell: `{}` only says that the
// fields below have theirs.
func preset(s schema) string {
	if s.Default == nil || string(s.Default.Raw) == "{}" {
		return ""
	}
	var text string
	if json.Unmarshal(s.Default.Raw, &text) == nil {
		if text == "" {
			return ""
		}
		return "`" + text + "`"
	}
	return "`" + string(s.Default.Raw) + "`"
}
