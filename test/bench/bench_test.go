package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every workload runs, small, and its table finds its place in a page.
func TestSmoke(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n"+markBegin+"the table of yesterday\n"+markEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-smoke", "-rounds", "1", "-dir", t.TempDir(), "-page", page}, t.Output()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if !strings.HasPrefix(text, "before\n"+markBegin) || !strings.HasSuffix(text, markEnd+"after\n") || strings.Contains(text, "yesterday") {
		t.Errorf("the page is\n%s", text)
	}
	if !strings.Contains(text, "topics received | 5000 | 5000 |") {
		t.Errorf("not all retained messages have come:\n%s", text)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"-only", "nothing"}, {"-program", "/nonexistent", "-smoke", "-only", "drain"}} {
		if err := run(args, t.Output()); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestSeries(t *testing.T) {
	for want, s := range map[string]series{"2.0 (1.0 to 3.0)": {3, 1, 2}, "2.5 (1.0 to 4.0)": {4, 1, 3, 2}, "7.0 (7.0 to 7.0)": {7}} {
		if got := s.text("%.1f"); got != want {
			t.Errorf("%v: %s, want %s", []float64(s), got, want)
		}
	}
}

func TestInsertNeedsMarks(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(page, "table"); err == nil {
		t.Error("no error")
	}
}
