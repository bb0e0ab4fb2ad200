package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
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
func (b *bench) table(pinned bool) string {
	var t strings.Builder
	place := "not pinned"
	if pinned {
		place = "the broker pinned to one, the generator to the other"
	}
	fmt.Fprintf(&t, "%s, %d processors (%s), %s, %s; load average before: %s.\n\n| what | measured | goal |\n|---|---|---|\n",
		cpuModel(), runtime.NumCPU(), place, runtime.Version(), runtime.GOARCH, b.load)
	for _, r := range b.rows {
		fmt.Fprintf(&t, "| %s | %s | %s |\n", r.what, r.result, r.goal)
	}
	return t.String()
}

// load is how many processes have wanted a processor in the last minute: what else the machine does.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(data), " ")
	return first
}

// cpuModel is what Linux calls the processor.
func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return "unknown processor"
}

// The table stands between these lines.
const (
	markBegin = "<!-- make bench: begin -->\n"
	markEnd   = "<!-- make bench: end -->\n"
)

// insert puts the table into the page.
func insert(page, table string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), markBegin)
	_, after, ok2 := strings.Cut(rest, markEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", page, strings.TrimSpace(markBegin), strings.TrimSpace(markEnd))
	}
	return os.WriteFile(page, []byte(before+markBegin+table+markEnd+after), 0o644)
}

// series is a measurement that was made more than once.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// text is the median and, in brackets, the least and the most.
func (s series) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.median(), slices.Min(s), slices.Max(s))
}
