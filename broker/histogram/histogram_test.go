package histogram

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestObserve(t *testing.T) {
	if !slices.IsSorted(Bounds[:]) {
		t.Fatal("the bounds are not in order")
	}
	tests := []struct {
		took   time.Duration
		bucket int
	}{
		{-time.Second, 0}, {0, 0}, {25 * time.Microsecond, 0}, {25*time.Microsecond + 1, 1}, {time.Millisecond, 5},
		{10 * time.Second, len(Bounds) - 1}, {time.Hour, len(Bounds)},
	}
	for _, test := range tests {
		var h Histogram
		h.Observe(test.took, 3)
		s := h.Snapshot()
		if s.Counts[test.bucket] != 3 || s.Count() != 3 || s.Sum != 3*max(test.took, 0) {
			t.Errorf("%v: %+v, want 3 in bucket %d", test.took, s, test.bucket)
		}
	}
}

func TestTogether(t *testing.T) {
	var h Histogram
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for range 100 {
				h.Observe(time.Millisecond, 2)
			}
		})
	}
	running.Wait()
	if s := h.Snapshot(); s.Count() != 1600 || s.Sum != 1600*time.Millisecond {
		t.Errorf("%+v", s)
	}
}
