package bench

import (
	"math"
	"testing"
	"time"
)

// TestHistogram: what it says of a distribution is at most a thirty-second part too much, and never more than the highest.
func TestHistogram(t *testing.T) {
	var h histogram
	if h.latency() != nil {
		t.Error("of nothing there is a latency")
	}
	for us := range 100_000 {
		h.add(time.Duration(us+1) * time.Microsecond)
	}
	h.add(-time.Second) // a clock that was set back
	l := h.latency()
	for _, test := range []struct{ got, want float64 }{{l.P50, 50}, {l.P90, 90}, {l.P99, 99}, {l.Max, 100}} {
		if test.got < test.want*0.999 || test.got > test.want*33/32 || test.got > l.Max {
			t.Errorf("%+v: %v, want about %v", *l, test.got, test.want)
		}
	}
}

// TestBuckets: every value is in a bucket that reaches up to it, and the next bucket begins above.
func TestBuckets(t *testing.T) {
	for _, us := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 1000, 1 << 20, 1<<40 + 12345, math.MaxInt64} {
		b := bucket(us)
		if upper(b) < us || b > 0 && upper(b-1) >= us {
			t.Errorf("%d is in bucket %d, of %d to %d", us, b, upper(max(b, 1)-1)+1, upper(b))
		}
	}
}
