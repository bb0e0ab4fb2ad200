package suite

import "slices"

// Statement is a normative statement of the standard and how it is accounted for: by exactly one of Test, Client,
// Inside and Unwritten.
type Statement struct {
	ID   string
	Says string // what it asks for, in a few words of ours

	Test      func(*T)
	Client    bool   // it binds the client only
	Inside    string // why it cannot be tested from outside; Unit covers it
	Unit      string // folder and name of a unit test: "broker/packet TestVarint"
	Unwritten string // why there is no test yet

	Needs Feature // what a broker must have for the statement to say anything about it; nil: nothing
}

// Section is the statements of a part of the standard.
type Section struct {
	Name       string // "3.1 CONNECT"
	Statements []Statement
}

// Class is how a statement is accounted for.
type Class string

// The classes.
const (
	Tested     Class = "tested"
	ClientOnly Class = "client only"
	InsideOnly Class = "unit test"
	NotYet     Class = "not yet"         // Dunlin lacks the feature; the test is written when it comes
	NotWritten Class = "not written yet" // the test is missing
)

// Class is the statement's class; "" if it has none or several.
func (s *Statement) Class() Class {
	var of []Class
	if s.Test != nil {
		of = append(of, Tested)
	}
	if s.Client {
		of = append(of, ClientOnly)
	}
	if s.Inside != "" {
		of = append(of, InsideOnly)
	}
	if s.Unwritten != "" {
		of = append(of, NotWritten)
	}
	switch {
	case len(of) != 1 || (s.Inside == "") != (s.Unit == ""):
		return ""
	case of[0] == NotWritten && s.Needs != nil:
		return NotYet
	}
	return of[0]
}

// find returns the statement with an id; nil: there is none.
func find(sections []Section, id string) *Statement {
	for _, sec := range sections {
		if i := slices.IndexFunc(sec.Statements, func(s Statement) bool { return s.ID == id }); i >= 0 {
			return &sec.Statements[i]
		}
	}
	return nil
}
