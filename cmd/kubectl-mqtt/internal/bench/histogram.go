package bench

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// fine is how many buckets there are to a power of two: a bucket is at most 1/32 wide.
const (
	fineBits = 5
	fine     = 1 << fineBits
)

// histogram counts durations, in microseconds, in buckets whose width grows with them. It may be used by several at once.
type histogram struct {
	buckets [64 * fine]atomic.Uint64
	highest atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	us := max(0, d.Microseconds())
	h.buckets[bucket(uint64(us))].Add(1)
	for {
		most := h.highest.Load()
		if us <= most || h.highest.CompareAndSwap(most, us) {
			return
		}
	}
}

func bucket(us uint64) int {
	if us < fine {
		return int(us)
	}
	power := bits.Len64(us) - 1 - fineBits
	return power*fine + int(us>>power)
}

// upper is the largest number of microseconds in a bucket.
func upper(bucket int) uint64 {
	if bucket < fine {
		return uint64(bucket)
	}
	power := bucket/fine - 1
	return (uint64(bucket%fine+fine)+1)<<power - 1
}

// latency is the distribution; nil: nothing was counted.
func (h *histogram) latency() *Latency {
	var all uint64
	for i := range h.buckets {
		all += h.buckets[i].Load()
	}
	if all == 0 {
		return nil
	}
	most := float64(h.highest.Load()) / 1000
	at := func(share float64) float64 {
		want, seen := uint64(share*float64(all)+0.5), uint64(0)
		for i := range h.buckets {
			if seen += h.buckets[i].Load(); seen >= want && seen > 0 {
				return min(float64(upper(i))/1000, most)
			}
		}
		return most
	}
	return &Latency{P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: most}
}
