package manifests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong in the files, and where.
type Problem struct {
	Source
	Object  string // kind namespace/name; empty if it is not known
	Message string // begins with the field's path if it is about a field
	Warning bool   // the objects can be used all the same
}

// String is "file:line: document N: Kind namespace/name: message", of which what is not known is left out.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Document > 0 {
		fmt.Fprintf(&b, ": document %d", p.Document)
	}
	if p.Object != "" {
		b.WriteString(": " + p.Object)
	}
	if p.Warning {
		b.WriteString(": warning")
	}
	return b.String() + ": " + p.Message
}

// Problems are ordered by file, line and message.
type Problems []Problem

// Errors are those that are not warnings.
func (ps Problems) Errors() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Warning })
}

// Warnings are those that are not errors.
func (ps Problems) Warnings() Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return !p.Warning })
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Document, b.Document),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
}
