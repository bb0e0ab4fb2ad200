package metrics

import (
	"math"
	"time"
)

// windows are the load averages that there are of each counter.
var windows = [...]struct {
	name    string
	minutes float64
}{{"1min", 1}, {"5min", 5}, {"15min", 15}}

// load is how fast a counter grows, a minute: averages that forget exponentially, as the load averages of Unix do.
type load struct {
	last    uint64 // the counter
	average [len(windows)]float64
}

// sample takes what the counter is, so long after the last sample.
func (l *load) sample(counter uint64, elapsed time.Duration) {
	if elapsed <= 0 {
		return
	}
	rate := float64(counter-l.last) / elapsed.Minutes()
	l.last = counter
	for i, w := range windows {
		forgotten := math.Exp(-elapsed.Minutes() / w.minutes)
		l.average[i] = rate + forgotten*(l.average[i]-rate)
	}
}
