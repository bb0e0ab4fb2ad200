package server

import (
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const (
	moveBytes = 1 << 20 // of messages that are moved at a time
	moveLook  = 4096    // references that are looked at with a partition's lock
)

// move moves messages that came by g (nil: by any group) from a client to others, at most so many, to whom
// it is no harder than worst; false: there is none that can be moved.
func (s *shares) move(cl *client, g *group, most int, worst session.Ease) (moved bool) {
	if cl.logged.Load() {
		return s.moveStored(cl, g, most, worst)
	}
	if g == nil {
		return false
	}
	return s.moveHeld(cl, g, most, worst)
}

// moveHeld is move for a session in memory. What nobody takes stays where it is: it may have been sent. [MQTT-4.4.0-1]
func (s *shares) moveHeld(cl *client, g *group, most int, worst session.Ease) (moved bool) {
	b := s.srv.newBatch(s.srv.now())
	defer b.end()
	policy := s.srv.auth.Policy()
	var movable []session.Shared
	for from := uint64(0); !moved; from = movable[len(movable)-1].Ordinal + 1 {
		if movable = cl.sess.Movable(g.filter, from, most, movable[:0]); len(movable) == 0 {
			break
		}
		var ordinals []uint64
		for i := range movable {
			b.out.Reset(movable[i].Message, true, b.now)
			if sub, _, _ := g.pick(b, policy, worst, g.turn.Load()); sub != nil && !movable[i].Message.Expired(b.now) {
				ordinals = append(ordinals, movable[i].Ordinal)
			}
		}
		if len(ordinals) == 0 {
			continue
		}
		for _, m := range cl.sess.Surrender(ordinals) {
			moved = s.moveTaken(b, cl, g, &m, worst) || moved
		}
	}
	return moved
}

// moveTaken gives a message that has been taken out of a session to a member, or back.
func (s *shares) moveTaken(b *batch, cl *client, g *group, m *session.Shared, worst session.Ease) (moved bool) {
	b.out.Reset(m.Message, true, b.now)
	if s.srv.share(b, g, worst) {
		s.storeShared(b, nil)
		return true
	}
	m.Force = true
	outcome, sink := cl.sess.Deliver(&b.out, &m.Delivery)
	if outcome == session.Away {
		s.srv.limits.Drops.NoMember.Add(1)
	}
	b.wake(sink)
	return false
}

// storeShared stores the batch's message if it has to be, and says whether it does: then a part of a, if that is not
// nil, is done when that is.
func (s *shares) storeShared(b *batch, a *pendingAck) bool {
	if len(b.stored) == 0 {
		return false
	}
	w := &write{ack: a}
	w.addMessage(b)
	s.srv.journal.publishWrite(w)
	return true
}

// haul is messages on their way from one session of the log to others.
type haul struct {
	from *client
	part *logPart
	refs []partition.Ref
	kept []session.Stored // the same, and soon their bodies
}

// moveStored is move for a session in the log. Each message is one write: its record for the new session,
// and that the old one is done with it. So a crash neither loses nor doubles it. [MQTT-4.8.2-4]
func (s *shares) moveStored(cl *client, g *group, most int, worst session.Ease) (moved bool) {
	filter := ""
	if g != nil {
		filter = g.filter
	}
	h := &haul{from: cl, part: &s.srv.journal.parts[cl.part]}
	for from, more := uint64(0), true; more && !moved; {
		from, more = h.refer(filter, from, most)
		if len(h.kept) == 0 {
			continue
		}
		stored := s.carry(h, worst)
		b := s.srv.newBatch(s.srv.now())
		flush, load := cl.sess.Unhold(stored, b.now)
		b.wake(flush)
		b.load(load)
		b.end()
		moved = len(stored) > 0
	}
	return moved
}

// refer asks the partition for the next messages from an ordinal on, holds those that may leave, and
// says where to go on.
func (h *haul) refer(filter string, from uint64, most int) (next uint64, more bool) {
	h.refs, h.kept = h.refs[:0], h.kept[:0]
	h.part.mu.Lock()
	defer h.part.mu.Unlock()
	s := h.part.session(h.from)
	if s == nil {
		return 0, false
	}
	looked, bytes := 0, 0
	next = s.Next()
	s.Scan(from, func(r *partition.Ref) bool {
		if looked == moveLook || len(h.refs) == most || bytes >= moveBytes {
			next, more = r.Ordinal, true
			return false
		}
		looked++
		if r.Share == "" || filter != "" && r.Share != filter || r.Arrived {
			return true
		}
		bytes += r.Size
		h.refs = append(h.refs, *r)
		h.kept = append(h.kept, session.Stored{Ordinal: r.Ordinal, QoS: r.QoS})
		return true
	})
	h.kept = h.from.sess.Hold(h.kept)
	i := 0
	for _, r := range h.refs {
		if i < len(h.kept) && h.kept[i].Ordinal == r.Ordinal {
			h.refs[i] = r
			i++
		}
	}
	h.refs = h.refs[:i]
	return next, more
}

// read reads the bodies of what is kept. What is not in the log any more was dropped since.
func (h *haul) read() error {
	l := loading{stored: h.kept}
	for i, r := range h.refs {
		l.seqs, l.at = append(l.seqs, r.Seq), append(l.at, i)
		l.bytes += r.Size
	}
	err := l.fetch(h.part)
	h.kept = l.stored
	return err
}

// carry moves what a haul has, waits until that is stored, and returns the ordinals of what was.
func (s *shares) carry(h *haul, worst session.Ease) (moved []uint64) {
	if err := h.read(); err != nil {
		s.srv.log.Error("messages of a shared subscription not read", "client_id", h.from.id, "reason", err.Error())
		return nil
	}
	b := s.srv.newBatch(s.srv.now())
	defer b.end()
	var storing sync.WaitGroup
	stored := make([]bool, len(h.kept))
	refs := h.refs
	for i := range h.kept {
		m := &h.kept[i]
		for refs[0].Ordinal != m.Ordinal {
			refs = refs[1:]
		}
		g := s.byFilter(refs[0].Share)
		if g == nil || m.Message.Expired(b.now) { // whose session it is sees to that, or ends
			continue
		}
		b.out.Reset(m.Message, true, b.now)
		sub := g.next(b, s.srv.auth.Policy(), worst)
		if sub == nil {
			continue
		}
		storing.Add(1)
		s.moveOne(b, h, m.Ordinal, sub, func(err error) {
			stored[i] = err == nil
			storing.Done()
		})
	}
	storing.Wait()
	for i, ok := range stored {
		if ok {
			moved = append(moved, h.kept[i].Ordinal)
		}
	}
	return moved
}

// moveOne moves the batch's message from a session's queue to a member, and tells done how that went. A
// member that it is not stored for gets it when the session is done with it.
func (s *shares) moveOne(b *batch, h *haul, ordinal uint64, sub *subscription, done func(error)) {
	w, msg := new(write), b.out.Message()
	logged := sub.client.logged.Load() && min(sub.qos, msg.QoS) > 0
	if logged && (!s.srv.give(b, sub) || len(b.stored) == 0) { // it has gone, or become full, in this moment
		done(errGone)
		return
	}
	w.addMessage(b)
	w.Frees = true // as much as it takes, and what is not moved from a session that ends is dropped
	w.then = func(b *batch, err error) {
		if err == nil && !logged {
			b.out.Reset(msg, true, b.now)
			if !s.srv.give(b, sub) { // it has gone in this moment
				s.add(&errand{hand: []session.Shared{{Message: msg, Delivery: session.Delivery{Share: &sub.share.group.filter}}}})
			}
		}
		done(err)
	}
	rec := partition.AppendDone(nil, h.from.id, h.from.epoch, []uint64{ordinal})
	w.Records = append(w.Records, store.Record{Part: h.part.n, Data: rec})
	s.srv.journal.publishWrite(w)
}

// left is how many messages a session has that might have been moved.
func (s *shares) left(cl *client) (n int) {
	h := haul{from: cl, part: &s.srv.journal.parts[cl.part]}
	for from, more := uint64(0), true; more; {
		from, more = h.refer("", from, moveMost)
		n += len(h.kept)
	}
	cl.sess.Unhold(nil, 0) // nobody is connected
	return n
}

// again gives a message to another member when the session that it was stored for has ended meanwhile.
// Its publisher's acknowledgement waits for that too.
func (s *shares) again(w *write, t *storedTarget) {
	e := &errand{ack: w.ack, hand: []session.Shared{{Message: w.msg, Delivery: session.Delivery{Share: &t.member.share.group.filter}}}}
	if w.ack != nil {
		w.ack.conn.acks.more(w.ack)
	}
	s.add(e)
}

// shared is how many messages wait at a client that came by a shared subscription; "": by any.
func (j *journal) shared(cl *client, filter string) (n int) {
	p := &j.parts[cl.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.session(cl)
	switch {
	case s == nil:
	case filter != "":
		n = s.Shared(filter)
	default:
		s.Shares(func(_ string, messages int) { n += messages })
	}
	return n
}
