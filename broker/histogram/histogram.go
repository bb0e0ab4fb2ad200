// Package histogram counts durations by how long they were, for Prometheus histograms.
//
// It knows nothing of who measures or who shows: packages server and store/disk observe, package metrics shows. It
// takes no lock and never looks at a clock.
package histogram

import (
	"sync/atomic"
	"time"
)

// Bounds are the upper bounds of the buckets, in seconds: from what a message in memory takes to what a broken disk does.
var Bounds = [...]float64{
	0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
}

// Histogram counts durations. The zero value is ready; any number of goroutines may use it.
type Histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64 // the last is beyond all bounds
	sum    atomic.Int64                   // nanoseconds
}

// Observe counts n things that took so long each. A negative duration, of a clock that was set, is taken for 0.
func (h *Histogram) Observe(took time.Duration, n uint64) {
	took = max(took, 0)
	i := 0
	for seconds := took.Seconds(); i < len(Bounds) && seconds > Bounds[i]; i++ {
	}
	h.counts[i].Add(n)
	h.sum.Add(int64(took) * int64(n))
}

// Snapshot is what a Histogram had counted at one moment.
type Snapshot struct {
	// Counts are how many took at most the bound of the same index, and longer than the one before.
	Counts [len(Bounds) + 1]uint64
	// Sum is of all durations.
	Sum time.Duration
}

// Snapshot is what has been counted. While others observe, its sum may be of some more or fewer than its counts.
func (h *Histogram) Snapshot() (s Snapshot) {
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
	}
	s.Sum = time.Duration(h.sum.Load())
	return s
}

// Count is how many have been counted.
func (s *Snapshot) Count() (n uint64) {
	for _, c := range s.Counts {
		n += c
	}
	return n
}
