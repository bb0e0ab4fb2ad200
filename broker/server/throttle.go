package server

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
)

// minPause is the least that a reader pauses: tokens that come faster are waited for together.
const minPause = 10 * time.Millisecond

// rates are how much a client may publish a second. 0: no bound.
type rates struct{ messages, bytes int64 }

// ratesOf are id's, by the policy.
func (s *Server) ratesOf(p *auth.Policy, id *auth.Identity) rates {
	limits := &s.live.Load().Limits
	r := rates{int64(limits.PublishMessagesPerSecond), limits.PublishBytesPerSecond}
	own := p.Limits(id)
	if own.PublishMessagesPerSecond != nil {
		r.messages = int64(*own.PublishMessagesPerSecond)
	}
	if own.PublishBytesPerSecond != nil {
		r.bytes = *own.PublishBytesPerSecond
	}
	return r
}

// throttle holds one client to its rates: where a PUBLISH finds no token, its reader pauses, and with it the client.
// It belongs to the reader, but for rates, which do not change, and for wake and place.
type throttle struct {
	rates    rates
	messages limit.Bucket
	bytes    limit.Bucket
	wake     chan struct{}
	place    int32 // in Server.pauses, guarded by those; 0: none
}

func newThrottle(r rates, now time.Time) *throttle {
	return &throttle{
		rates: r, messages: limit.NewBucket(r.messages, now), bytes: limit.NewBucket(r.bytes, now), wake: make(chan struct{}, 1),
	}
}

// fill adds what has come by now.
func (t *throttle) fill(now time.Time) {
	t.messages.Fill(now)
	t.bytes.Fill(now)
}

// take pays for a PUBLISH of so many bytes; false: it has to wait.
func (t *throttle) take(size int) bool {
	if !t.messages.Has() || !t.bytes.Has() {
		return false
	}
	t.messages.Spend(1)
	t.bytes.Spend(size)
	return true
}

// wait is how long the next PUBLISH has to.
func (t *throttle) wait() time.Duration { return max(t.messages.Wait(), t.bytes.Wait()) }

// slot implements dated.
func (t *throttle) slot() *int32 { return &t.place }

// due implements dated: it wakes the reader.
func (t *throttle) due(int64) {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// hold puts the client under the rates of the policy in force. The reader calls it once attached, and policyChanged: each
// looks at the policy again afterwards, so that the last one to store has stored the latest.
func (c *conn) hold(id *auth.Identity) {
	for {
		policy := c.srv.auth.Policy()
		want := c.srv.ratesOf(policy, id)
		var have rates
		old := c.throttle.Load()
		if old != nil {
			have = old.rates
		}
		if want != have {
			var held *throttle
			if want != (rates{}) {
				held = newThrottle(want, c.srv.now())
			}
			c.throttle.Store(held)
			if old != nil {
				old.due(0)
			}
		}
		if c.srv.auth.Policy() == policy {
			return
		}
	}
}

// pause keeps the reader from reading until the client may publish again. What keeps the client alive meanwhile is us.
func (c *conn) pause() error {
	c.paused.Store(true)
	c.srv.throttled.Add(1)
	c.srv.pausesTotal.Add(1)
	defer func() {
		c.srv.throttled.Add(-1)
		if c.again.late != nil {
			c.again.late.Reset(c.srv.connectTimeout())
		}
		c.heard(c.srv.now()) // first: the keep alive may be looked at in between
		c.paused.Store(false)
	}()
	for t := c.throttle.Load(); t != nil; t = c.throttle.Load() {
		now := c.srv.now()
		t.fill(now)
		wait := t.wait()
		if wait == 0 {
			return nil
		}
		c.srv.pauses.put(t, c.srv.steady().Add(max(wait, minPause)).UnixMilli()+1) // rounded up
		if !c.gone() {                                                             // else who sees to that later wakes it
			<-t.wake
		}
		c.srv.pauses.put(t, 0)
		if c.gone() {
			return errGone
		}
	}
	return nil
}

// gone says whether there is nothing to be read for any more.
func (c *conn) gone() bool { return c.kicked.Load() != nil || c.out.failed.Load() }

// unpause has a reader that pauses look whether it still has to.
func (c *conn) unpause() {
	if t := c.throttle.Load(); t != nil {
		t.due(0)
	}
}
