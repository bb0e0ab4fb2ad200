package limit

import (
	"math"
	"time"
)

// maxDebt bounds how long what is spent at once is paid for. Who is paid for is not read from meanwhile, and so not
// missed either, should they have gone.
const maxDebt = time.Minute

// Bucket is a token bucket that holds what comes in a second. The zero Bucket is without bound. It belongs to one
// goroutine, or to a lock.
type Bucket struct {
	rate   float64 // tokens a second; 0: no bound
	tokens float64 // below 0: a debt
	filled time.Time
}

// NewBucket makes a full one. perSecond 0: no bound.
func NewBucket(perSecond int64, now time.Time) Bucket {
	return Bucket{rate: float64(perSecond), tokens: float64(perSecond), filled: now}
}

// Fill adds the tokens that have come since it was last filled.
func (b *Bucket) Fill(now time.Time) {
	if passed := now.Sub(b.filled); passed > 0 { // a clock may be set back
		b.tokens = min(b.rate, b.tokens+b.rate*passed.Seconds())
	}
	b.filled = now
}

// Has reports whether there is a token. How many are spent then is another matter: a debt is paid later.
func (b *Bucket) Has() bool { return b.rate == 0 || b.tokens >= 1-rounding }

// rounding is a little more than what a sum of floating point numbers is off.
const rounding = 1e-6

// Spend takes n tokens, whether they are there or not; what would take longer to pay than maxDebt is given.
func (b *Bucket) Spend(n int) {
	if b.rate != 0 {
		b.tokens = max(b.tokens-float64(n), -b.rate*maxDebt.Seconds())
	}
}

// Wait is how long it takes until there is a token. 0: there is.
func (b *Bucket) Wait() time.Duration {
	if b.Has() {
		return 0
	}
	return time.Duration(math.Ceil((1 - b.tokens) / b.rate * float64(time.Second)))
}
