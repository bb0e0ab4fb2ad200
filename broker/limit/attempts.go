package limit

import (
	"net/netip"
	"sync"
	"time"
)

// Attempts holds back addresses that have given wrong credentials too often: after Most of them within a time, the address
// is not heard for as long, from the last one on. It remembers 65,536 addresses. Any number of goroutines may use it.
type Attempts struct {
	most int
	in   time.Duration

	mu    sync.Mutex
	known recent[netip.Prefix, attempts]
}

// attempts are those of one address.
type attempts struct {
	n    int
	last time.Time
}

// NewAttempts makes one that takes most wrong credentials of an address, and forgets them once as long as in has passed
// without one.
func NewAttempts(most int, in time.Duration) *Attempts {
	return &Attempts{most: most, in: in, known: recent[netip.Prefix, attempts]{most: maxRemembered}}
}

// Wait is how long an address is not heard yet; 0: it is. The zero Prefix, which is everybody whose address is not known,
// counts as one address.
func (a *Attempts) Wait(from netip.Prefix, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.known.known[from]
	if !ok {
		return 0
	}
	of := e.Value.(*remembered[netip.Prefix, attempts]).value
	if of.n < a.most {
		return 0
	}
	return max(0, of.last.Add(a.in).Sub(now))
}

// Failed counts wrong credentials.
func (a *Attempts) Failed(from netip.Prefix, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.known.get(from, func() attempts { return attempts{} })
	if now.Sub(of.last) >= a.in {
		of.n = 0
	}
	of.n++
	of.last = now
}

// Rates are token buckets of the same rate, one for each of the last most keys that were asked for. Any number of
// goroutines may use them.
type Rates[K comparable] struct {
	perSecond int64

	mu    sync.Mutex
	known recent[K, Bucket]
}

// NewRates makes Rates that let a key have perSecond tokens a second, and as many at once; for most keys.
func NewRates[K comparable](perSecond int64, most int) *Rates[K] {
	return &Rates[K]{perSecond: perSecond, known: recent[K, Bucket]{most: most}}
}

// Take takes one token of key's; otherwise it says how long it takes until there is one. 0: it was there.
func (r *Rates[K]) Take(key K, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.known.get(key, func() Bucket { return NewBucket(r.perSecond, now) })
	b.Fill(now)
	if wait = b.Wait(); wait == 0 {
		b.Spend(1)
	}
	return wait
}
