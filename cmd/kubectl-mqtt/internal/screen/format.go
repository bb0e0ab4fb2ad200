package screen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Format is how something is printed: what -o takes.
type Format string

// The formats.
const (
	FormatTable Format = "table"
	FormatWide  Format = "wide"
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
)

// Formats are all of them.
func Formats() []string {
	return []string{string(FormatTable), string(FormatWide), string(FormatJSON), string(FormatYAML)}
}

// String implements pflag.Value.
func (f *Format) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *Format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *Format) Set(text string) error {
	if !slices.Contains(Formats(), text) {
		return fmt.Errorf("must be one of %s", strings.Join(Formats(), ", "))
	}
	*f = Format(text)
	return nil
}

// ForPrograms says that it is JSON or YAML.
func (f *Format) ForPrograms() bool { return *f == FormatJSON || *f == FormatYAML }

// Encode prints value as JSON or YAML. YAML has the names of JSON.
func (s *Screen) Encode(f Format, value any) error {
	var text []byte
	var err error
	if f == FormatYAML {
		text, err = yaml.Marshal(value)
	} else if text, err = json.MarshalIndent(value, "", "  "); err == nil {
		text = append(text, '\n')
	}
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	_, err = s.Out.Write(text)
	return err
}

// Print prints lines.
func (s *Screen) Print(lines ...string) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(s.Out, strings.Join(lines, "\n"))
	return err
}
