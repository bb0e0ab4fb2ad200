package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	k8syaml "sigs.k8s.io/yaml"
)

// document is one object of a file, as it is written.
type document struct {
	origin
	object map[string]any
}

// parse reads the documents of a file, YAML or JSON. The items of a List are documents of their own.
func parse(file string, data []byte) (docs []document, problems Problems) {
	for i, part := range split(data) {
		source := Source{File: file, Document: i + 1, Line: part.firstLine()}
		value, err := decode(part.text)
		if err != nil {
			line, message := yamlError(err)
			if line > 0 {
				source.Line = part.offset + min(line, 1+bytes.Count(part.text, []byte("\n"))) // it may count one more
			}
			problems = append(problems, Problem{Source: source, Message: message})
			continue
		}
		var node yaml.Node
		if yaml.Unmarshal(part.text, &node) != nil || len(node.Content) == 0 {
			node = yaml.Node{} // JSON that is not YAML: no lines
		}
		found, err := objects(document{origin: origin{Source: source, node: &node, offset: part.offset}}, value)
		if err != nil {
			problems = append(problems, Problem{Source: source, Message: err.Error()})
		}
		docs = append(docs, found...)
	}
	return docs, problems
}

// objects is the object that a document holds: none if it is empty, many if it is a List.
func objects(doc document, value any) ([]document, error) {
	if value == nil {
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not a Kubernetes object: it has no fields")
	}
	items, ok := object["items"].([]any)
	if kind, _ := object["kind"].(string); !ok || !strings.HasSuffix(kind, "List") {
		doc.object = object
		return []document{doc}, nil
	}
	var docs []document
	var line int
	list := child(doc.node, "items", &line)
	for i, item := range items {
		one := doc
		if one.node = child(list, strconv.Itoa(i), &line); one.node != nil {
			one.Line = doc.offset + line
		}
		found, err := objects(one, item)
		if err != nil {
			return docs, fmt.Errorf("items[%d]: %w", i, err)
		}
		docs = append(docs, found...)
	}
	return docs, nil
}

// decode reads one YAML or JSON value; a key that comes twice is an error.
func decode(text []byte) (value any, err error) {
	if trimmed := bytes.TrimSpace(text); !bytes.HasPrefix(trimmed, []byte("{")) || !json.Valid(trimmed) {
		if text, err = k8syaml.YAMLToJSONStrict(text); err != nil {
			return nil, err
		}
	}
	return value, utiljson.Unmarshal(text, &value)
}

var lineInError = regexp.MustCompile(`line (\d+): `)

// yamlError takes the line, counted in the document, out of a parser's message; 0: it has none.
func yamlError(err error) (line int, message string) {
	message = strings.Join(strings.Fields(err.Error()), " ")
	message = strings.TrimPrefix(strings.TrimPrefix(message, "error converting YAML to JSON: "), "yaml: ")
	message = strings.TrimPrefix(message, "unmarshal errors: ")
	if found := lineInError.FindStringSubmatch(message); found != nil {
		line, _ = strconv.Atoi(found[1]) // a number, says the expression
		message = strings.Replace(message, found[0], "", 1)
	}
	return line, "not YAML: " + message
}

// part is the text of one document.
type part struct {
	text   []byte
	offset int // lines before it
}

// firstLine is where the document begins, past blank lines and comments.
func (p part) firstLine() int {
	for i, line := range bytes.Split(p.text, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return p.offset + i + 1
		}
	}
	return p.offset + 1
}

// empty says whether there is nothing but blank lines and comments.
func (p part) empty() bool {
	for line := range bytes.SplitSeq(p.text, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// split cuts a file at the lines that begin with "---"; empty documents do not count.
func split(data []byte) []part {
	var parts []part
	current, line := part{}, 0
	end := func() {
		if !current.empty() {
			parts = append(parts, current)
		}
	}
	for text := range bytes.SplitAfterSeq(data, []byte("\n")) {
		rest, marker := bytes.CutPrefix(text, []byte("---"))
		if marker && (len(rest) == 0 || bytes.ContainsAny(rest[:1], " \t\r\n")) {
			end()
			current = part{offset: line}
			text = rest // a document may begin on the marker's line
		}
		current.text = append(current.text, text...)
		line++
	}
	end()
	return parts
}
