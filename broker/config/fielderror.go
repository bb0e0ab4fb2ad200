package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// FieldError is one thing that is wrong with one setting.
//
// +kubebuilder:object:generate=false
type FieldError struct {
	// File and Line say where it was read; empty and 0 when it was not read from a file.
	File string
	Line int
	// Path is the setting: listeners[0].port. Empty: the file as a whole.
	Path string
	// Detail says what is wrong and what would be right.
	Detail string
}

// Error is "file:line: path: detail", without what is not known.
func (e *FieldError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Detail)
	return b.String()
}

// faults gathers FieldErrors: all of a file's, not just the first.
type faults []*FieldError

func (f *faults) add(path, format string, args ...any) {
	*f = append(*f, &FieldError{Path: path, Detail: fmt.Sprintf(format, args...)})
}

// at reports whether something is already known to be wrong with path.
func (f *faults) at(path string) bool {
	for _, e := range *f {
		if e.Path == path {
			return true
		}
	}
	return false
}

func (f *faults) err() error {
	errs := make([]error, len(*f))
	for i, e := range *f {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// parent cuts the last part of a path off: "a.b[0].c", "a.b[0]", "a.b", "a", "".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// syntaxLine finds the line in an error of package yaml.
var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
