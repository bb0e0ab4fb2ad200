package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// document is what of an OpenAPI description the page needs.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Summary    string              `json:"summary"`
	Role       string              `json:"x-role"`
	Parameters []parameter         `json:"parameters"`
	Responses  map[string]response `json:"responses"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Required    bool   `json:"required"`
	Description string `json:"description"`
	Schema      schema `json:"schema"`
}

type response struct {
	Content map[string]struct {
		Schema *schema `json:"schema"`
	} `json:"content"`
}

type schema struct {
	Ref         string            `json:"$ref"`
	Type        string            `json:"type"`
	Format      string            `json:"format"`
	Encoding    string            `json:"contentEncoding"`
	Description string            `json:"description"`
	Enum        []string          `json:"enum"`
	Items       *schema           `json:"items"`
	Values      *schema           `json:"additionalProperties"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
}

// page is the part of docs/admin-api.md that is generated.
func (d *document) page() string {
	var b strings.Builder
	b.WriteString("## Endpoints\n\n| endpoint | role | what it does |\n|---|---|---|\n")
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			op := d.Paths[path][method]
			fmt.Fprintf(&b, "| `%s %s` | %s | %s%s |\n", strings.ToUpper(method), path, op.Role, op.Summary, op.answers())
		}
	}
	b.WriteString("\n## Parameters\n")
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			d.parameters(&b, strings.ToUpper(method)+" "+path, d.Paths[path][method])
		}
	}
	b.WriteString("\n## Answers\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		d.schema(&b, name)
	}
	return b.String()
}

func (d *document) parameters(b *strings.Builder, endpoint string, op operation) {
	var rows strings.Builder
	for _, p := range op.Parameters {
		if p.In != "query" {
			continue
		}
		needed := ""
		if p.Required {
			needed = " Needed."
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s%s |\n", p.Name, p.Schema.kind(), p.Description, needed)
	}
	if rows.Len() > 0 {
		fmt.Fprintf(b, "\n### %s\n\n| parameter | type | meaning |\n|---|---|---|\n%s", endpoint, rows.String())
	}
}

func (d *document) schema(b *strings.Builder, name string) {
	s := d.Components.Schemas[name]
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n| field | type | meaning |\n|---|---|---|\n", name, s.Description)
	for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[field]
		optional := ""
		if !slices.Contains(s.Required, field) {
			optional = ", may be left out"
		}
		fmt.Fprintf(b, "| `%s` | %s%s | %s |\n", field, p.kind(), optional, strings.ReplaceAll(p.Description, "|", "\\|"))
	}
}

// answers links to what an operation answers with.
func (op operation) answers() string {
	for status, r := range op.Responses {
		for _, media := range r.Content {
			if status != "default" && media.Schema != nil {
				return " → " + media.Schema.kind()
			}
		}
	}
	return ""
}

// kind is a schema in a word.
func (s *schema) kind() string {
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case s.Items != nil:
		return "list of " + s.Items.kind()
	case s.Values != nil:
		return "map to " + s.Values.kind()
	case s.Enum != nil:
		return strings.Join(s.Enum, " or ")
	case s.Format == "date-time":
		return "time"
	case s.Encoding != "":
		return s.Encoding
	}
	return s.Type
}
