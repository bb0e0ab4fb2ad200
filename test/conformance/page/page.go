package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// page is docs/conformance.md.
type page struct {
	mosquitto string
	versions  []version
}

// version is a version of MQTT, its statements in the order of the standard.
type version struct {
	title string
	rows  []row
}

// row is a statement with the outcomes of both brokers.
type row struct {
	suite.Result
	mosquitto suite.Outcome
}

// pair puts the outcomes of both brokers together.
func pair(title string, ours, theirs []suite.Result) version {
	outcomes := map[string]suite.Outcome{}
	for _, r := range theirs {
		outcomes[r.ID] = r.Outcome
	}
	v := version{title: title}
	for _, r := range ours {
		v.rows = append(v.rows, row{r, outcomes[r.ID]})
	}
	slices.SortStableFunc(v.rows, func(a, b row) int { return slices.Compare(numbers(a.ID), numbers(b.ID)) })
	return v
}

// numbers are those of an id: 3, 1, 2, 22 of MQTT-3.1.2-22.
func numbers(id string) []int {
	var out []int
	for _, n := range strings.FieldsFunc(id, func(r rune) bool { return r < '0' || r > '9' }) {
		i, _ := strconv.Atoi(n) // digits, and few
		out = append(out, i)
	}
	return out
}

const head = `# Conformance

<!-- Written by make conformance; do not edit. -->

Every normative statement of MQTT 3.1.1 and 5.0 by its id, with what it asks for in our words, and how Dunlin and %s fare.
The tests are in [test/conformance](../test/conformance), a subtest a statement: black box, over TCP, each broker as
anybody would start it, with a second one that is limited to QoS 1 and without retained messages for the statements about that.
To aim them at any broker: ` + "`go test ./test/conformance/v5 -addr host:port`" + `.

- **pass**, **FAIL**: the test did.
- **not yet**: Dunlin does not have the feature, and says so to clients; the test switches itself on when it does, or comes with it.
- **n/a**: the broker lacks, or need not have, what the statement is about.
- **client**: it binds the client only.
- **unit test**: it cannot be tested from outside; the unit test named covers it in Dunlin.
- **not written yet**: it could be tested, and there is no test.

`

// String is the page.
func (p *page) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, head, cmp.Or(p.mosquitto, "Mosquitto"))
	fmt.Fprint(&b, "| | statements | tested | client only | unit test | not yet | not written yet |\n|---|---|---|---|---|---|---|\n")
	for _, v := range p.versions {
		fmt.Fprintf(&b, "| %s | %d |", v.title, len(v.rows))
		for _, c := range []suite.Class{suite.Tested, suite.ClientOnly, suite.InsideOnly, suite.NotYet, suite.NotWritten} {
			fmt.Fprintf(&b, " %d |", count(v.rows, func(r row) bool { return r.Class == c }))
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprint(&b, "\nOf those tested:\n\n| | Dunlin: pass | FAIL | not yet | n/a | Mosquitto: pass | FAIL | n/a |\n|---|---|---|---|---|---|---|---|\n")
	for _, v := range p.versions {
		fmt.Fprintf(&b, "| %s |", v.title)
		for _, cell := range []string{pass, fail, notYet, none} {
			fmt.Fprintf(&b, " %d |", count(v.rows, func(r row) bool { return r.Class == suite.Tested && r.ours() == cell }))
		}
		for _, cell := range []string{pass, fail, none} {
			fmt.Fprintf(&b, " %d |", count(v.rows, func(r row) bool { return r.Class == suite.Tested && r.theirs() == cell }))
		}
		fmt.Fprintln(&b)
	}
	for _, v := range p.versions {
		v.write(&b)
	}
	return b.String()
}

// write writes a table a section.
func (v *version) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", v.title)
	section := ""
	for _, r := range v.rows {
		if r.Section != section {
			section = r.Section
			fmt.Fprintf(b, "\n### %s: %s\n\n| statement | asks for | Dunlin | Mosquitto |\n|---|---|---|---|\n", v.title, section)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.ID, strings.ReplaceAll(r.Says, "|", "\\|"), r.ours(), r.theirs())
	}
}

// What stands in a cell.
const (
	pass   = "pass"
	fail   = "**FAIL**"
	notYet = "not yet"
	none   = "n/a"
)

// ours is Dunlin's cell.
func (r row) ours() string {
	switch r.Class {
	case suite.ClientOnly:
		return "client"
	case suite.InsideOnly:
		return "unit test: " + r.Unit
	case suite.NotYet:
		return notYet
	case suite.NotWritten:
		return "not written yet: " + r.Why
	}
	switch {
	case r.Outcome == suite.Pass:
		return pass
	case r.Outcome == suite.Fail:
		return fail
	case r.Skipped != "":
		return notYet
	}
	return none
}

// theirs is Mosquitto's cell.
func (r row) theirs() string {
	switch {
	case r.Class == suite.ClientOnly:
		return "client"
	case r.Class != suite.Tested:
		return ""
	case r.mosquitto == suite.Pass:
		return pass
	case r.mosquitto == suite.Fail:
		return fail
	}
	return none
}

func count(rows []row, of func(row) bool) (n int) {
	for _, r := range rows {
		if of(r) {
			n++
		}
	}
	return n
}
