package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentOf(t *testing.T) {
	for kept, want := range map[uint64]int{0: 800, 1 << 20: 800, 4 << 20: 200, 8 << 20: 100, 1 << 30: 100} {
		if got := percentOf(kept); got != want {
			t.Errorf("%d bytes: %d %%, and not %d", kept, got, want)
		}
	}
}

// gcPercent is what the collector is set to.
func gcPercent() int {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent
}

// TestRelaxCollector: what the collector is set to follows what is in use, up and down.
func TestRelaxCollector(t *testing.T) {
	t.Cleanup(func() { debug.SetGCPercent(100) })
	relaxCollector()
	becomes := func(what string, is func(percent int) bool) {
		t.Helper()
		for begun := time.Now(); !is(gcPercent()); runtime.Gosched() { // finalizers run in a goroutine of their own
			if runtime.GC(); time.Since(begun) > 20*time.Second {
				t.Fatalf("%s: %d %%", what, gcPercent())
			}
		}
	}
	becomes("little in use", func(percent int) bool { return percent > 150 })
	used := make([]byte, 64<<20)
	becomes("much in use", func(percent int) bool { return percent == 100 })
	runtime.KeepAlive(used)
}

// TestCollectorOfUser: who sets GOGC has it.
func TestCollectorOfUser(t *testing.T) {
	t.Setenv("GOGC", "50")
	before := gcPercent()
	relaxCollector()
	if got := gcPercent(); got != before {
		t.Errorf("%d %%, and not %d", got, before)
	}
}
