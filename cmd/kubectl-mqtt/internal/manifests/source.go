package manifests

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Source is where an object, or a field of it, is written.
type Source struct {
	File     string
	Document int // within the file, from 1; 0: the file as a whole
	Line     int // within the file, from 1; 0: not known
}

// origin is the source of an object, with the tree in which its fields' lines are found.
type origin struct {
	Source
	node   *yaml.Node // nil: not known
	offset int        // lines of the file before node's document
}

// at is the source of the field at path, such as spec.rules[0].topics; of one that is not written, its
// nearest ancestor's.
func (o origin) at(path string) Source {
	s := o.Source
	node, line := o.node, 0
	for _, step := range steps(path) {
		if node = child(node, step, &line); node == nil {
			break
		}
	}
	if line > 0 {
		s.Line = o.offset + line
	}
	return s
}

// steps splits a path as field.Path prints it: names, indexes, and keys in brackets.
func steps(path string) []string {
	var out []string
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			key, after, _ := strings.Cut(rest, "]")
			out, path = append(out, key), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(out, path)
		}
		out, path = append(out, path[:end]), strings.TrimPrefix(path[end:], ".")
	}
	return out
}

// child is the value of a step below node, and sets line to where it is written; nil: it is not there.
func child(node *yaml.Node, step string, line *int) *yaml.Node {
	if node == nil {
		return nil
	}
	switch node.Kind {
	case yaml.DocumentNode:
		return child(node.Content[0], step, line)
	case yaml.AliasNode:
		return child(node.Alias, step, line)
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				*line = node.Content[i].Line
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			*line = node.Content[i].Line
			return node.Content[i]
		}
	}
	return nil
}
