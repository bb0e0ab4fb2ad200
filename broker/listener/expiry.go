package listener

import (
	"context"
	"time"
)

// lookAgain bounds how long the end of a list is waited for at a time: the clock may be set meanwhile.
const lookAgain = time.Minute

// watchLists logs of each list, once, that it has expired, and tells of it then, until ctx is done.
func (t *trust) watchLists(ctx context.Context) {
	var of *anchors
	var said map[*crl]bool
	for {
		if a := t.current.Load(); a != of {
			of, said = a, make(map[*crl]bool)
		}
		if t.sayExpired(of, said) {
			t.tell()
		}
		again := time.NewTimer(of.nextExpiry(t.now()))
		select {
		case <-ctx.Done():
		case <-t.renewed:
		case <-again.C:
		}
		again.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// sayExpired logs which lists have expired and are not in said, and adds them; false: there is none.
func (t *trust) sayExpired(a *anchors, said map[*crl]bool) (some bool) {
	for _, list := range a.lists {
		if said[list] || !list.expired(t.now()) {
			continue
		}
		said[list], some = true, true
		t.log.Warn("revocation list has expired: certificates of its CA are refused until there is a newer one",
			"path", list.file, "not_after", list.NextUpdate)
	}
	return some
}

// nextExpiry is how long until the next list expires, or lookAgain if that is sooner.
func (a *anchors) nextExpiry(now time.Time) time.Duration {
	next := lookAgain
	for _, list := range a.lists {
		if !list.NextUpdate.IsZero() && !list.expired(now) {
			next = min(next, list.NextUpdate.Sub(now)+1) // at the very moment it is still good
		}
	}
	return next
}
