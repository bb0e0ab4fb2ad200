package server

import (
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// quota is what waits for a client in the log, or is on its way there.
type quota struct{ messages, bytes atomic.Int64 }

// reserve counts a message of size bytes in; false: it is dropped instead, since the queue is full.
func (cl *client) reserve(size int, now int64) bool {
	limits := &cl.srv.limits
	cl.quota.messages.Add(1)
	cl.quota.bytes.Add(int64(size))
	limits.Held.Add(1, int64(size))
	if limits.Policy == session.DropOldest || !cl.exceeds() {
		return true // what is too much goes when the message is there
	}
	cl.srv.journal.dropExpired(cl, now)
	if !cl.exceeds() {
		return true
	}
	cl.unreserve(size)
	limits.Drops.QueueFull.Add(1)
	return false
}

// unreserve counts a message out.
func (cl *client) unreserve(size int) {
	cl.quota.messages.Add(-1)
	cl.quota.bytes.Add(-int64(size))
	cl.srv.limits.Held.Add(-1, -int64(size))
}

// exceeds says whether more waits than may. What is in flight does not wait.
func (cl *client) exceeds() bool { return cl.exceedsWith(0, 0) }

func (cl *client) exceedsWith(messages int, bytes int64) bool {
	limits := &cl.srv.limits
	held := limits.Held.Bytes.Load() + bytes
	messages += int(cl.quota.messages.Load())
	bytes += cl.quota.bytes.Load()
	if !limits.Exceeded(messages, bytes, held) {
		return false
	}
	inflight, _ := cl.sess.Pending()
	return limits.Exceeded(messages-inflight, bytes, held)
}

// excess returns a function that is told of messages to drop, and says of each whether it has to go.
func (cl *client) excess() func(size int) bool {
	messages, bytes := 0, int64(0)
	return func(size int) bool {
		if !cl.exceedsWith(messages, bytes) {
			return false
		}
		messages--
		bytes -= int64(size)
		return true
	}
}

// waiting is how many messages wait in the log, beside what is in flight.
func (cl *client) waiting() int {
	inflight, _ := cl.sess.Pending()
	return int(cl.quota.messages.Load()) - inflight
}

// refuses says whether a target of the batch's message has no room for it, and it is to be refused for
// that: then nobody gets it.
func (s *Server) refuses(b *batch, targets []target) bool {
	if s.limits.Policy != session.Refuse {
		return false
	}
	msg := b.out.Message()
	size := msg.Size()
	for i := range targets {
		cl := targets[i].client
		switch {
		case min(targets[i].qos, msg.QoS) == 0 || targets[i].noLocal && cl.id == msg.Publisher:
		case !cl.logged.Load():
			if cl.sess.Refuses(size) {
				return true
			}
		case cl.exceedsWith(1, int64(size)):
			s.journal.dropExpired(cl, b.now)
			if cl.exceedsWith(1, int64(size)) {
				return true
			}
		}
	}
	return false
}
