package server

import (
	"context"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// Load has messages that wait in the log loaded.
func (c *conn) Load() { c.started.start(c.runLoads) }

// refill tells the log what the session is done with, and goes on with what it wants: messages from the
// log, if it has room and nobody loads them already, and retained ones.
func (c *conn) refill() {
	if c.client.logged.Load() {
		c.srv.journal.released(c.client)
		if sink := c.sess.Hungry(); sink != nil {
			sink.Load()
		}
	}
	if c.client.sharing.Load() {
		c.srv.shares.roomier()
	}
	c.feed()
}

// runLoads loads until the session has enough.
func (c *conn) runLoads() {
	l := loadings.Get().(*loading)
	defer l.free()
	for {
		from, messages, bytes, ok := c.sess.Wants(c)
		if !ok {
			return
		}
		l.refer(c, from, messages, bytes)
		if err := l.fetch(&c.srv.journal.parts[c.client.part]); err != nil {
			c.srv.log.Error("queued messages not read", "client_id", c.client.id, "reason", err.Error())
			c.kick(&packet.Error{Reason: packet.ImplementationSpecificError, Clause: "MQTT 5 §3.14.2.1", Detail: "the session cannot be read"})
			return
		}
		b := c.srv.newBatch(c.srv.now())
		b.wake(c.sess.Load(c, l.stored, l.next, l.more, b.now))
		c.srv.journal.released(c.client)
		b.end()
	}
}

// loading is the messages that are being loaded.
type loading struct {
	stored []session.Stored
	seqs   []uint64 // of those whose bodies are to be read
	at     []int    // their positions in stored
	bytes  int      // about the size of those
	next   uint64
	more   bool
}

// loadings are of those who have loaded what they wanted.
var loadings = sync.Pool{New: func() any { return new(loading) }}

// free gives l up. It keeps nothing of the messages.
func (l *loading) free() {
	clear(l.stored[:cap(l.stored)])
	loadings.Put(l)
}

// bodyOverhead is about what a stored message takes beside what counts as its size, in bytes.
const bodyOverhead = 32

// refer asks the partition which messages are next.
func (l *loading) refer(c *conn, from uint64, messages int, bytes int64) {
	l.stored, l.seqs, l.at, l.bytes, l.more = l.stored[:0], l.seqs[:0], l.at[:0], 0, false
	p := &c.srv.journal.parts[c.client.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.session(c.client)
	if s == nil {
		l.next = from
		return
	}
	l.next = max(from, s.Next())
	s.Scan(from, func(r *partition.Ref) bool {
		if len(l.stored) == messages || bytes <= 0 {
			l.next, l.more = r.Ordinal, true
			return false
		}
		if !r.Arrived {
			l.at = append(l.at, len(l.stored))
			l.seqs = append(l.seqs, r.Seq)
			bytes -= int64(r.Size)
			l.bytes += r.Size
		}
		l.stored = append(l.stored, session.Stored{Ordinal: r.Ordinal, QoS: r.QoS, Retain: r.Retain, Arrived: r.Arrived, IDs: r.IDs})
		return true
	})
}

// fetch reads the bodies. What is not in the log any more was dropped since.
func (l *loading) fetch(p *logPart) error {
	if len(l.seqs) == 0 {
		return nil
	}
	messages := make([]message.Message, len(l.seqs))
	room := make([]byte, 0, l.bytes+len(l.seqs)*bodyOverhead) // for all bodies, which are sent at about the same time
	err := p.Fetch(context.Background(), l.seqs, func(i int, rec []byte) error {
		body, err := partition.Body(rec)
		if err != nil {
			return err
		}
		from := len(room)
		room = append(room, body...)
		l.stored[l.at[i]].Message = &messages[i]
		return message.ParseLike(room[from:len(room):len(room)], &messages[i], &messages[max(i-1, 0)])
	})
	kept := l.stored[:0]
	for _, st := range l.stored {
		if st.Arrived || st.Message != nil {
			kept = append(kept, st)
		}
	}
	l.stored = kept
	return err
}
