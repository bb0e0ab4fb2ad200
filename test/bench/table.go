package main

import (
	"fmt"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// row is a line of the table.
type row struct{ what, result, goal string }

// add appends a row and shows it.
func (b *bench) add(what, goal, format string, args ...any) {
	r := row{what: what, goal: goal, result: fmt.Sprintf(format, args...)}
	b.rows = append(b.rows, r)
	b.say("  %s: %s", r.what, r.result)
}

// table is the rows in Markdown, under a line on the machine.
func (b *bench) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s; load average before: %.2f.\n\n| what | measured | goal |\n|---|---|---|\n", report.Machine("not pinned"), b.load)
	for _, r := range b.rows {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", r.what, r.result, r.goal)
	}
	return t.String()
}
