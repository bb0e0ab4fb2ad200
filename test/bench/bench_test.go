package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/curves"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/speed"
)

// sections are the generated ones of a page.
var sections = []string{"speed", "curves", "durability"}

// Every workload and curve runs, small, and the tables find their places in a page.
func TestSmoke(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	text := "before\n"
	for _, s := range sections {
		text += report.Begin(s) + "what was there yesterday\n" + report.End(s)
	}
	if err := os.WriteFile(page, []byte(text+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-smoke", "-rounds", "1", "-curves", "-peers", "dunlin,bare", "-dir", t.TempDir(), "-page", page}
	if err := run(args, t.Output()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text = string(data)
	if !strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "after\n") || strings.Contains(text, "yesterday") {
		t.Errorf("the page is\n%s", text)
	}
	for _, want := range []string{"topics received | 5000 | 5000 |", "| bare relay | goal | goal here | met |", "it needed there: fan-in-0 ", "### Scaling with processors"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	for _, w := range speed.Workloads {
		for _, row := range w.Rows {
			if !strings.Contains(text, "| "+row.What+" | "+row.Unit+" | ") || strings.Contains(text, "| "+row.What+" | "+row.Unit+" |  |") {
				t.Errorf("%s: %q has no value", w.Name, row.What)
			}
		}
	}
	plots := []string{"speed"}
	for _, c := range curves.All {
		plots = append(plots, c.Name)
	}
	for _, name := range plots {
		if !strings.Contains(text, "]("+report.PlotFile(name)+")") {
			t.Errorf("the page has no link to the plot %s", name)
		}
		wellFormed(t, filepath.Join(filepath.Dir(page), report.PlotFile(name)))
	}
}

func wellFormed(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-only", "nothing"}, {"-only", "fan-in-0,nothing"}, {"-only", "fan-in-0", "-peers", "nobody"},
		{"-program", "/nonexistent", "-smoke", "-only", "durable-drain"},
		{"-program", "/nonexistent", "-smoke", "-only", "fan-in-0", "-peers", "dunlin", "-pin=false"},
	} {
		if err := run(append(args, "-dir", t.TempDir()), t.Output()); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestChoose(t *testing.T) {
	for only, want := range map[string][3]int{
		"":                                    {len(speed.Workloads), len(workloads), 0},
		"speed":                               {len(speed.Workloads), 0, 0},
		"durability,curves":                   {0, len(workloads), len(curves.All)},
		"fan-in-0,durable,cores,durable-idle": {1, 2, 1},
	} {
		p, err := options{only: only}.choose()
		if got := [3]int{len(p.speed), len(p.durability), len(p.curves)}; err != nil || got != want {
			t.Errorf("-only %q: %v, %v, want %v", only, got, err, want)
		}
	}
	if p, _ := (options{curves: true}).choose(); len(p.curves) != len(curves.All) || len(p.speed) == 0 {
		t.Errorf("-curves: %d curves, %d workloads", len(p.curves), len(p.speed))
	}
}

// A name is in one part only, so that -only is clear.
func TestNamesDiffer(t *testing.T) {
	seen := map[string]bool{"speed": true, "curves": true, "durability": true}
	see := func(name string) {
		if seen[name] {
			t.Errorf("%q is there twice", name)
		}
		seen[name] = true
	}
	for _, w := range speed.Workloads {
		see(w.Name)
	}
	for _, w := range workloads {
		see(w.name)
	}
	for _, c := range curves.All {
		see(c.Name)
	}
}
