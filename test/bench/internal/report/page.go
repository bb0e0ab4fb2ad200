package report

import (
	"fmt"
	"os"
	"strings"
)

// Begin is the line before a section of a page.
func Begin(section string) string { return "<!-- make bench, " + section + ": begin -->\n" }

// End is the line after it.
func End(section string) string { return "<!-- make bench, " + section + ": end -->\n" }

// PlotFile is the name of a plot, which is beside the page.
func PlotFile(name string) string { return "performance-" + name + ".svg" }

// Insert replaces a section of the page.
func Insert(page, section, text string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := Begin(section), End(section)
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q", page, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(page, []byte(before+begin+text+end+after), 0o644)
}
