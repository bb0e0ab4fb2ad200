package server

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whoever waits goes on, alone or together with others, and after close nobody waits.
func TestTurns(t *testing.T) {
	var ts, unused turns
	ts.wait() // there is no pipe
	if err := ts.begin(); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	counts := make([]int, 8)
	for i := range counts {
		done.Go(func() {
			for range 200 {
				ts.wait()
				counts[i]++
			}
		})
	}
	done.Wait()
	if diff := cmp.Diff([]int{200, 200, 200, 200, 200, 200, 200, 200}, counts); diff != "" {
		t.Error(diff)
	}
	ts.close()
	ts.wait()
	if ts.waiting != nil {
		t.Error("somebody waits after close")
	}
	unused.close()
}
