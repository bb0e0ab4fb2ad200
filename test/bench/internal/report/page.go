package report

import (
	"fmt"
	"os"
	"strings"
)

// Begin and End are the lines between which a section stands in a page.
func Begin(section string) string { return "<!-- make bench, " + section + ": begin -->\n" }
func End(section string) string   { return "<!-- make bench, " + section + ": end -->\n" }

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
