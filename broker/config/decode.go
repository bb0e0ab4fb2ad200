package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSuggestible bounds the length of an unknown name, in bytes, for which a likely one is looked for.
const maxSuggestible = 64

// decoder fills a struct from a YAML node, strictly, and remembers where each setting was.
type decoder struct {
	faults faults
	lines  map[string]int // path -> line
}

// fault adds what is wrong with the node at path.
func (d *decoder) fault(n *yaml.Node, path, format string, args ...any) {
	d.faults = append(d.faults, &FieldError{Line: n.Line, Path: path, Detail: fmt.Sprintf(format, args...)})
}

// decode sets v from n. A null leaves it unset.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" { // they multiply
		d.fault(n, path, "YAML anchors and aliases are not allowed")
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(n, v.Elem(), path)
	case reflect.Struct:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.sequence(n, v, path)
	case reflect.Map:
		d.texts(n, v, path)
	case reflect.String:
		if d.scalar(n, path, "!!str", "a string (put it in quotes)") {
			v.SetString(n.Value)
		}
	case reflect.Bool:
		if d.scalar(n, path, "!!bool", "true or false") {
			v.SetBool(strings.EqualFold(n.Value, "true"))
		}
	case reflect.Int32, reflect.Int64:
		if d.scalar(n, path, "!!int", "a whole number") {
			d.integer(n, v, path)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, path, tag, want string) bool {
	if n.Kind == yaml.ScalarNode && n.Tag == tag {
		return true
	}
	d.fault(n, path, "must be %s, not %s", want, describe(n))
	return false
}

func (d *decoder) integer(n *yaml.Node, v reflect.Value, path string) {
	var i int64
	if err := n.Decode(&i); err != nil || v.OverflowInt(i) {
		d.fault(n, path, "%.40s is out of range: it does not fit into %d bits", n.Value, v.Type().Bits())
		return
	}
	v.SetInt(i)
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, path, "must be a list, not %s", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		at := index(path, i)
		d.lines[at] = item.Line
		d.decode(item, v.Index(i), at)
	}
}

// texts fills a map of strings by names that the user chooses.
func (d *decoder) texts(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "must be a mapping, not %s", describe(n))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, clip(key.Value))
		first, twice := d.lines[at]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fault(key, at, "must have a string for a name, not %s", describe(key))
		case twice:
			d.fault(key, at, "is set twice, in line %d already", first)
		case d.scalar(value, at, "!!str", "a string (put it in quotes)"):
			d.lines[at] = key.Line
			v.SetMapIndex(reflect.ValueOf(key.Value), reflect.ValueOf(value.Value))
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, path, "must be a mapping of settings, not %s", describe(n))
		return
	}
	byName := make(map[string]field)
	var names []string
	for _, f := range fieldsOf(v) {
		byName[f.name] = f
		names = append(names, f.name)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := join(path, clip(key.Value))
		f, known := byName[key.Value]
		first, twice := d.lines[at]
		switch {
		case !known || key.Kind != yaml.ScalarNode:
			d.unknown(key, at, names)
		case twice:
			d.fault(key, at, "is set twice, in line %d already", first)
		default:
			d.lines[at] = key.Line
			d.decode(value, f.value, at)
			d.explicitZero(value, f, at)
		}
	}
}

// explicitZero refuses a written 0 that is out of range and would otherwise pass for an unset field.
func (d *decoder) explicitZero(n *yaml.Node, f field, path string) {
	c := f.constraint
	if f.value.CanInt() && f.value.Int() == 0 && c.Min != nil && *c.Min > 0 && n.Tag == "!!int" && !d.faults.at(path) {
		d.fault(n, path, "0 is out of range: must be %s", c.span())
	}
}

func (d *decoder) unknown(key *yaml.Node, path string, names []string) {
	if len(key.Value) <= maxSuggestible {
		if meant := suggest(key.Value, names); meant != "" {
			d.fault(key, path, "unknown field (did you mean %s?)", meant)
			return
		}
	}
	d.fault(key, path, "unknown field (known here: %s)", strings.Join(names, ", "))
}

// describe says what n is, for a person.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!str" {
		return fmt.Sprintf("the string %q", clip(n.Value))
	}
	return clip(n.Value)
}

// clip shortens what the user wrote to what fits into a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
