package server

import (
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// lazyDelay is how long the log may not know that a client is done with a message, when nothing else
// is written to its partition: after a crash a QoS 1 message comes again, with DUP.
const lazyDelay = 100 * time.Millisecond

// lazyMost is how many messages of one client that may be, about.
const lazyMost = 4096

// released takes from cl's session which messages it is done with. The log is told with the next
// write to its partition, or soon.
func (j *journal) released(cl *client) {
	if j == nil || !cl.logged.Load() {
		return
	}
	if ordinals := cl.sess.Released(); len(ordinals) > 0 {
		p := &j.parts[cl.part]
		p.mu.Lock()
		defer p.mu.Unlock()
		j.finish(p, cl, ordinals)
	}
}

// finish takes messages out of cl's queue. p.mu is held.
func (j *journal) finish(p *logPart, cl *client, ordinals []uint64) {
	if len(ordinals) == 0 {
		return
	}
	s := p.session(cl)
	if s == nil {
		return
	}
	for _, ordinal := range ordinals {
		if r, ok := p.state.Done(s, ordinal); ok {
			cl.unreserve(r.Size)
			p.freed.Add(int64(r.Size))
		}
	}
	if cl.unsaid == 0 {
		p.unsay(cl)
		j.soon()
	}
	u := &p.unsaid[cl.unsaid-1]
	u.ordinals = append(u.ordinals, ordinals...)
	if len(u.ordinals) >= lazyMost {
		j.now()
	}
}

// dropOldest drops the oldest waiting messages of a queue that has too many. p.mu is held.
func (j *journal) dropOldest(p *logPart, cl *client) {
	if !cl.exceeds() {
		return
	}
	s := p.session(cl)
	over := cl.excess()
	drop := cl.sess.Shed(over)
	s.Scan(cl.sess.Sent(), func(r *partition.Ref) bool {
		if !over(r.Size) {
			return false
		}
		drop = append(drop, r.Ordinal)
		return true
	})
	j.srv.limits.Drops.QueueFull.Add(uint64(len(drop)))
	j.finish(p, cl, drop)
}

// dropExpired drops what has expired of a queue that is full.
func (j *journal) dropExpired(cl *client, now int64) {
	p := &j.parts[cl.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.session(cl)
	if s == nil {
		return
	}
	if expired := s.Expired(cl.sess.Sent(), now, nil); len(expired) > 0 {
		j.srv.limits.Drops.Expired.Add(uint64(len(expired)))
		j.finish(p, cl, expired)
	}
}

// appendDone appends to a write what the log has not been told of p's clients.
func (p *logPart) appendDone(w *store.Write) {
	if !p.tell.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell.Store(false)
	for i := range p.unsaid {
		u := &p.unsaid[i]
		cl := u.client
		if cl.logged.Load() { // else its session has ended, and another may have its identifier
			w.Records = append(w.Records, store.Record{Part: p.n, Data: partition.AppendDone(nil, cl.id, cl.epoch, u.ordinals)})
		}
		cl.unsaid, u.client = 0, nil
		if u.ordinals = u.ordinals[:0]; i >= 64 || cap(u.ordinals) > 64 && i > 0 || cap(u.ordinals) > 4*lazyMost {
			u.ordinals = nil
		}
	}
	p.unsaid = p.unsaid[:0]
}

// unsaid is what the log has not been told of a client.
type unsaid struct {
	client   *client
	ordinals []uint64 // of messages that it is done with; who comes after it uses their memory
}

// unsay gives cl its place in unsaid. p.mu is held.
func (p *logPart) unsay(cl *client) {
	n := len(p.unsaid)
	if n == cap(p.unsaid) {
		p.unsaid = slices.Grow(p.unsaid, 1)
	}
	p.unsaid = p.unsaid[:n+1]
	p.unsaid[n].client = cl
	cl.unsaid = int32(n + 1)
	p.tell.Store(true)
}

// soon has tellAll called soon.
func (j *journal) soon() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lazy == nil {
		j.lazy = time.AfterFunc(lazyDelay, j.tellAll)
	}
}

// now is soon without delay.
func (j *journal) now() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lazy != nil {
		j.lazy.Reset(0)
	}
}

// tellAll writes what the logs have not been told.
func (j *journal) tellAll() {
	j.mu.Lock()
	j.lazy = nil
	j.mu.Unlock()
	w := &write{}
	w.Frees = true
	for n := range j.parts {
		j.parts[n].appendDone(&w.Write)
	}
	if len(w.Records) > 0 {
		j.write(w)
	}
}

// stopLazy writes the last of it.
func (j *journal) stopLazy() {
	j.mu.Lock()
	if j.lazy != nil {
		j.lazy.Stop()
	}
	j.mu.Unlock()
	j.tellAll()
}
