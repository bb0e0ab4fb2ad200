package audit

import (
	"hash/maphash"
	"time"
)

// maxKeys bounds whom the minute's entries are counted for; those beyond count as one.
const maxKeys = 1 << 16

// rates says whether there are too many entries. It is guarded by its Log's lock.
type rates struct {
	perMinute int32 // of one key; 0: any number
	perSecond int32 // of all; 0: any number

	seed      maphash.Seed
	minute    time.Time
	counts    map[uint64]int32
	second    time.Time
	inSecond  int32
	forgotten uint64 // left out in this minute
}

func newRates(perMinute, perSecond int32) rates {
	return rates{perMinute: perMinute, perSecond: perSecond, seed: maphash.MakeSeed(), counts: make(map[uint64]int32)}
}

// turn begins another minute if it is time, and returns how many were left out in the one before.
func (r *rates) turn(now time.Time) (leftOut uint64) {
	if age := now.Sub(r.minute); age >= 0 && age < time.Minute {
		return 0
	}
	leftOut, r.forgotten, r.minute = r.forgotten, 0, now
	clear(r.counts)
	return leftOut
}

// allow says whether an entry of key may be written at now, which turn has been told of.
func (r *rates) allow(key string, now time.Time) bool {
	if !r.allowAll(now) || !r.allowKey(key) {
		r.forgotten++
		return false
	}
	r.inSecond++
	return true
}

func (r *rates) allowAll(now time.Time) bool {
	if age := now.Sub(r.second); age < 0 || age >= time.Second {
		r.second, r.inSecond = now, 0
	}
	return r.perSecond == 0 || r.inSecond < r.perSecond
}

func (r *rates) allowKey(key string) bool {
	if r.perMinute == 0 {
		return true
	}
	hash := maphash.String(r.seed, key)
	if _, known := r.counts[hash]; !known && len(r.counts) >= maxKeys {
		hash = 0
	}
	if r.counts[hash] >= r.perMinute {
		return false
	}
	r.counts[hash]++
	return true
}
