package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each fault of docs/faults.md, and each default of docs/security.md, names a test, and that test is there.
func TestPagesNameTests(t *testing.T) {
	rowsNameTests(t, "../docs/faults.md", "| fault ", 12)
	rowsNameTests(t, "../docs/security.md", "| default ", 30)
}

// rowsNameTests looks at the table of a page that begins with header, which has at least so many rows.
func rowsNameTests(t *testing.T, page, header string, least int) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-zA-Z0-9_/-]+_test\\.go)`: \"([^\"]+)\"")
	_, table, _ := strings.Cut(string(text), "\n"+header)
	_, table, _ = strings.Cut(table, "\n")
	rows := 0
	for line := range strings.Lines(table) {
		if strings.TrimSpace(line) == "" {
			break
		}
		if !strings.HasPrefix(line, "| ") {
			continue // the rest of the header
		}
		rows++
		tests := named.FindAllStringSubmatch(line, -1)
		if len(tests) == 0 {
			t.Errorf("no test in: %s", line)
		}
		for _, m := range tests {
			source, err := os.ReadFile(filepath.Join("..", m[1]))
			if err != nil || !strings.Contains(string(source), m[2]) {
				t.Errorf("%s has no %q: %v", m[1], m[2], err)
			}
		}
	}
	if rows < least {
		t.Errorf("%s: %d rows", page, rows)
	}
}
