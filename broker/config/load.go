package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// MaxFileBytes is the largest file that Load, Parse and ParseACLSet take.
const MaxFileBytes = 1 << 20

// Load reads the configuration file at path. See Parse.
func Load(path string) (Config, error) {
	c, _, err := LoadRevision(path)
	return c, err
}

// LoadRevision is Load, and Revision of what the file has.
func LoadRevision(path string) (Config, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, "", fmt.Errorf("load configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return Config{}, "", fmt.Errorf("load configuration: %w", err)
	}
	c, err := Parse(data, path)
	return c, Revision(data), err
}

// Revision identifies the content of a configuration file: its SHA-256 in hex.
func Revision(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Parse reads a configuration, YAML or JSON, and returns it with its defaults filled in. name stands for the file
// in errors. It is strict: an unknown field, a wrong type, a value out of range are errors; all of them are
// returned, joined, each a FieldError with the line.
func Parse(data []byte, name string) (Config, error) {
	var c Config
	if err := parse(data, name, &c, func() faults { return c.faults() }); err != nil {
		return Config{}, err
	}
	return c.Defaulted(), nil
}

// ParseACLSet reads a list of ACLs as Parse reads a configuration. topic is as in ACLSet.Validate.
func ParseACLSet(data []byte, name string, topic func(string) error) (ACLSet, error) {
	var s ACLSet
	if err := parse(data, name, &s, func() faults { return s.faults(topic) }); err != nil {
		return ACLSet{}, err
	}
	return s.Defaulted(), nil
}

// ParseBundled reads one JSON file of an auth bundle, a Manifest, UserSet or ACLSet, into v: written by a program,
// it may be larger than what people write. An unknown field is an error: to ignore a limit is to open a door.
func ParseBundled(data []byte, name string, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("parse %s: near byte %d: %w", name, d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("parse %s: near byte %d: more data after the end of the object", name, d.InputOffset())
	}
	return nil
}

// parse decodes data into what v points to; validate then says what is wrong with it as a whole.
func parse(data []byte, name string, v any, validate func() faults) error {
	if len(data) > MaxFileBytes {
		return &FieldError{File: name, Detail: fmt.Sprintf("file has more than %d bytes", MaxFileBytes)}
	}
	root, err := document(data, name)
	if err != nil || root == nil {
		return err
	}
	d := decoder{lines: make(map[string]int)}
	d.decode(root, reflect.ValueOf(v).Elem(), "")
	for _, e := range validate() {
		if !d.faults.at(e.Path) { // a wrong type leaves a setting empty: say it once
			e.Line = d.line(e.Path)
			d.faults = append(d.faults, e)
		}
	}
	for _, e := range d.faults {
		e.File = name
	}
	slices.SortStableFunc(d.faults, func(a, b *FieldError) int { return cmp.Compare(a.Line, b.Line) })
	return d.faults.err()
}

// line is where path was set, or else what contains it.
func (d *decoder) line(path string) int {
	for ; path != ""; path = parent(path) {
		if n, ok := d.lines[path]; ok {
			return n
		}
	}
	return 0
}

// document parses data as one YAML document; nil: it is empty.
func document(data []byte, name string) (*yaml.Node, error) {
	var doc, second yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(err, name)
	}
	if err := d.Decode(&second); err == nil {
		return nil, &FieldError{File: name, Line: second.Line, Detail: "a second YAML document: only one is allowed"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err, name)
	}
	return doc.Content[0], nil
}

// syntaxError gives an error of package yaml the form of ours.
func syntaxError(err error, name string) error {
	text := err.Error()
	e := &FieldError{File: name, Detail: syntaxLine.ReplaceAllString(text, "")}
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // 0 where no line is known
	}
	return e
}
