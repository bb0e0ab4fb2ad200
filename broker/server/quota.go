package server

import (
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// quota is what waits for a client in the log, or is on its way there.
type quota struct{ messages, bytes atomic.Int64 }

// take counts a message of size bytes in.
func (cl *client) take(size int) {
	cl.quota.messages.Add(1)
	cl.quota.bytes.Add(int64(size))
	cl.srv.limits.Held.Add(1, int64(size))
}

// reserve counts a message of size bytes in; false: it has to be dropped instead, since the queue is full.
func (cl *client) reserve(size int, now int64) bool {
	cl.take(size)
	if cl.srv.limits.Policy == session.DropOldest || !cl.exceeds() {
		return true // what is too much goes when the message is there
	}
	cl.srv.journal.dropExpired(cl, now)
	if !cl.exceeds() {
		return true
	}
	cl.unreserve(size)
	if cl.srv.limits.Policy == session.DropNewest {
		cl.srv.limits.Drops.QueueFull.Add(1)
	}
	return false
}

// unreserve counts a message out.
func (cl *client) unreserve(size int) {
	cl.quota.messages.Add(-1)
	cl.quota.bytes.Add(-int64(size))
	cl.srv.limits.Held.Add(-1, -int64(size))
}

// exceeds says whether more waits than may. What is in flight does not wait.
func (cl *client) exceeds() bool {
	limits := &cl.srv.limits
	messages, bytes, held := int(cl.quota.messages.Load()), cl.quota.bytes.Load(), limits.Held.Bytes.Load()
	if !limits.Exceeded(messages, bytes, held) {
		return false
	}
	inflight, _ := cl.sess.Pending()
	return limits.Exceeded(messages-inflight, bytes, held)
}

// excess returns a function that is told of messages to drop, and says of each whether it has to go. It
// may be called with the session's lock.
func (cl *client) excess() func(size int) bool {
	limits := &cl.srv.limits
	inflight, _ := cl.sess.Pending()
	messages, bytes := int(cl.quota.messages.Load())-inflight, cl.quota.bytes.Load()
	held := limits.Held.Bytes.Load()
	return func(size int) bool {
		if !limits.Exceeded(messages, bytes, held) {
			return false
		}
		messages--
		bytes -= int64(size)
		held -= int64(size)
		return true
	}
}

// waiting is how many messages wait in the log, beside what is in flight.
func (cl *client) waiting() int {
	inflight, _ := cl.sess.Pending()
	return int(cl.quota.messages.Load()) - inflight
}

// refuses says whether a target of the batch's message has no room for it, and it is to be refused for
// that: then nobody gets it. Otherwise b.counted says which targets have it in their quotas.
func (s *Server) refuses(b *batch, targets []target) bool {
	msg := b.out.Message()
	size := msg.Size()
	b.counted = b.counted[:0]
	for i := range targets {
		t := &targets[i]
		waits := t.group == nil && t.waits(msg)
		counted := waits && t.client.logged.Load()
		if t.group != nil && msg.QoS > 0 && s.full(b, t.group) || counted && !t.client.reserve(size, b.now) || waits && !counted && t.client.sess.Refuses(size) {
			for k, counted := range b.counted {
				if counted {
					targets[k].client.unreserve(size)
				}
			}
			return true
		}
		b.counted = append(b.counted, counted)
	}
	return false
}

// waits says whether a message may have to wait for t's client.
func (t *target) waits(msg *message.Message) bool {
	return min(t.qos, msg.QoS) > 0 && !(t.noLocal && t.client.id == msg.Publisher)
}
