package auth

import (
	"sync/atomic"
	"time"
)

// usage is when a rule last decided something. Who decides only marks it, which writes to memory once between two stamps.
type usage struct {
	marked atomic.Bool
	minute atomic.Int64 // since 1970; 0: never
}

func (u *usage) mark() {
	if !u.marked.Load() {
		u.marked.Store(true)
	}
}

// StampUsage gives the rules that have decided something since it was last called the time.
func (p *Policy) StampUsage(now time.Time) {
	minute := now.Unix() / 60
	for _, a := range p.acls {
		for i := range a.used {
			if u := &a.used[i]; u.marked.Load() && u.marked.Swap(false) {
				u.minute.Store(minute)
			}
		}
	}
}

// at is when it was; zero: never.
func (u *usage) at() time.Time {
	minute := u.minute.Load()
	if minute == 0 {
		return time.Time{}
	}
	return time.Unix(minute*60, 0).UTC()
}
