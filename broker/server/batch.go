package server

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// batch is what is shared by everything that one goroutine does before it flushes.
type batch struct {
	now     int64 // Unix milliseconds
	out     session.Outgoing
	pub     packet.Publish  // that is being handled
	msg     message.Message // borrowed: what pub says
	ack     ack             // of pub
	replies []byte          // control packets for the client whose packets are being handled
	acked   bool            // which acknowledgements were among
	dirty   []session.Sink
	behind  []session.Sink
	stored  []storedTarget // of the message being published, to be stored first
	counted []bool         // which of its targets have it in their quotas

	keep   store.Write       // what a store in memory is to keep
	kept   [1]store.Retained // of keep
	record []byte            // of kept

	read     time.Time // when it was, if it is timed; zero: it is not
	awaiting uint64    // PUBLISHes whose acknowledgements are in the queue
	turn     uint32    // of being timed

	srv      *Server
	shard    uint32         // of the counters
	received traffic.Counts // in this batch
	sent     traffic.Counts // in this batch, beside what out has sent
}

// batchPool keeps a batch to the processor that it is used on, as a rule, and so its shard.
var batchPool = sync.Pool{New: func() any { return &batch{shard: rand.Uint32(), turn: rand.Uint32()} }}

// maxReplies is how much room for replies is kept, in bytes.
const maxReplies = 4096

// newBatch begins a batch; end flushes it.
func (s *Server) newBatch(now time.Time) *batch {
	b := batchPool.Get().(*batch)
	b.srv, b.now = s, now.UnixMilli()
	return b
}

// wake notes a sink to flush; nil: none.
func (b *batch) wake(s session.Sink) {
	if s != nil {
		b.dirty = append(b.dirty, s)
	}
}

// load notes a sink whose messages are to be loaded; nil: none.
func (b *batch) load(s session.Sink) {
	if s != nil {
		b.behind = append(b.behind, s)
	}
}

// send puts encoded control packets into a connection's outbox.
func (b *batch) send(c *conn, packets []byte) {
	b.sent.Encoded(packets)
	b.wake(c.sess.Append(c, packets))
}

// count adds what the batch has counted to the server's counters: before anybody sees what came of it.
func (b *batch) count() {
	b.sent.Take(&b.out.Sent)
	b.srv.received.Add(b.shard, &b.received)
	b.srv.limits.Sent.Add(b.shard, &b.sent)
}

// gather lets the goroutines that are ready to run go first: what they put into the same outboxes leaves with the same
// write. With none ready it costs next to nothing.
func (b *batch) gather() {
	if len(b.dirty) > 0 {
		b.count()
		runtime.Gosched()
	}
}

// end flushes every outbox that the batch made non-empty, and must be the last use of b.
func (b *batch) end() {
	b.count()
	for i, s := range b.dirty {
		s.Flush()
		b.dirty[i] = nil
	}
	b.dirty = b.dirty[:0]
	for i, s := range b.behind {
		s.Load()
		b.behind[i] = nil
	}
	b.behind = b.behind[:0]
	b.out.Reset(nil, false, 0)
	b.msg, b.ack, b.acked = message.Message{}, ack{}, false
	b.pub.Topic, b.pub.Payload, b.pub.Forward = nil, nil, nil
	if cap(b.replies) > maxReplies {
		b.replies = nil
	}
	b.srv, b.read, b.awaiting = nil, time.Time{}, 0
	batchPool.Put(b)
}
