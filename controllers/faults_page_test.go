package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each fault of docs/faults.md names a test, and that test is there.
func TestFaultsHaveTests(t *testing.T) {
	page, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z_/]+_test\\.go)`: \"([^\"]+)\"")
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault ") {
			continue
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
	if rows < 12 {
		t.Errorf("%d faults", rows)
	}
}
