package session

import (
	"sort"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// entry is a QoS 1 or 2 message in flight or waiting. Its packet identifier is 1 + ordinal mod
// 65535, so that a resend keeps it with nothing else stored.
type entry struct {
	ordinal uint64
	seq     uint64           // position in the partition log; 0: not stored
	msg     *message.Message // nil once sent in a session that ends with its connection
	subIDs  []uint32
	qos     byte
	retain  bool
	state   state
	perhaps bool // restored and not sent since: nobody knows whether it was sent before
}

type state byte

const (
	awaitAck  state = iota // PUBACK or PUBREC
	awaitComp              // PUBCOMP; the message itself is done with
	awaitSend              // of an earlier connection, to be sent again when there is room
	done                   // acknowledged out of order; leaves with those before it
)

// identifiers is how many packet identifiers there are: 1 to 65535.
const identifiers = 65535

func packetID(ordinal uint64) uint16 { return uint16(1 + ordinal%identifiers) }

// Outcome is what became of a message for a session.
type Outcome byte

// The outcomes.
const (
	Sent    Outcome = iota // in the outbox
	Queued                 // kept until there is room, or the client is back
	Dropped                // counted in Drops
	Away                   // QoS 0 and the client is not there, or the session ends with its connection
)

// Deliver hands the session a message. The sink is not nil if the caller has to flush it.
func (s *Session) Deliver(o *Outgoing, d Delivery) (Outcome, Sink) {
	d.QoS = min(d.QoS, o.msg.QoS)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink == nil && (d.QoS == 0 || !s.link.Durable) {
		return Away, nil
	}
	if d.QoS == 0 {
		return s.deliverAtMostOnce(o, d)
	}
	if s.link.Sink != nil && s.queue.len() == 0 && s.unsent == 0 && s.hasRoom() {
		if s.tooLarge(o, d) {
			return s.skip(o), nil
		}
		s.send(o, s.newEntry(o, d), d)
		return Sent, s.wake()
	}
	return s.enqueue(o, d), nil
}

func (s *Session) deliverAtMostOnce(o *Outgoing, d Delivery) (Outcome, Sink) {
	if s.tooLarge(o, d) {
		return Dropped, nil
	}
	if s.out.size > s.limits.MaxOutbound {
		s.drops.OutboxFull++
		return Dropped, nil
	}
	o.write(&s.out, s.link.Version, d, false, 0)
	return Sent, s.wake()
}

// tooLarge counts a message that the client has said it cannot take. [MQTT-3.1.2-24]
func (s *Session) tooLarge(o *Outgoing, d Delivery) bool {
	if s.link.MaxPacketSize == 0 || o.size(s.link.Version, d) <= int(s.link.MaxPacketSize) {
		return false
	}
	s.drops.TooLarge++
	return true
}

// hasRoom says whether one more message may be in flight. The span of ordinals in flight stays
// below the number of packet identifiers, so that none is used twice.
func (s *Session) hasRoom() bool {
	return s.windowOpen() && (s.inflight.len() == 0 || s.nextOrdinal()-s.inflight.at(0).ordinal < identifiers)
}

// windowOpen says whether the client takes one more message that it has to acknowledge, and the
// outbox has room for it. [MQTT-3.3.4-9]
func (s *Session) windowOpen() bool {
	return s.unacked < min(s.limits.MaxInflight, s.link.ReceiveMaximum) && s.out.size <= s.limits.MaxOutbound
}

func (s *Session) nextOrdinal() uint64 {
	if s.queue.len() > 0 {
		return s.queue.at(0).ordinal
	}
	return s.ordinal
}

func (s *Session) newEntry(o *Outgoing, d Delivery) entry {
	e := entry{ordinal: s.ordinal, seq: o.Seq, subIDs: d.SubscriptionIDs, qos: d.QoS, retain: d.Retain}
	if s.link.Durable {
		e.msg = o.Own()
	}
	s.ordinal++
	return e
}

// send writes an entry that has not been sent before and moves it in flight.
func (s *Session) send(o *Outgoing, e entry, d Delivery) {
	o.write(&s.out, s.link.Version, d, false, packetID(e.ordinal))
	if !s.link.Durable {
		e.msg = nil
	}
	s.inflight.push(e)
	s.unacked++
}

func (s *Session) enqueue(o *Outgoing, d Delivery) Outcome {
	size := int64(o.msg.Size())
	for s.queue.len() >= s.limits.MaxQueued || s.queued+size > s.limits.MaxQueuedBytes {
		s.drops.QueueFull++
		if !s.limits.DropOldest || s.queue.len() == 0 {
			return s.skip(o)
		}
		s.forget(s.popQueue())
	}
	e := s.newEntry(o, d)
	e.msg = o.Own()
	s.queue.push(e)
	s.queued += size
	return Queued
}

// skip drops a message that the log may count as the session's next.
func (s *Session) skip(o *Outgoing) Outcome {
	if o.Seq != 0 {
		s.released = append(s.released, s.ordinal)
		s.ordinal++
	}
	return Dropped
}

func (s *Session) popQueue() entry {
	e := s.queue.pop()
	s.queued -= int64(e.msg.Size())
	return e
}

// pump sends what waits while there is room.
func (s *Session) pump(now int64) {
	if s.link.Sink == nil || s.unsent+s.queue.len() == 0 {
		return
	}
	o := Outgoing{}
	s.resend(&o, now)
	s.popDone()
	for s.unsent == 0 && s.queue.len() > 0 && s.hasRoom() {
		e := s.popQueue()
		d := e.delivery()
		o.Reset(e.msg, true, now)
		switch {
		case e.msg.Expired(now):
			s.drops.Expired++
			s.forget(e)
		case s.tooLarge(&o, d):
			s.forget(e)
		default:
			s.send(&o, e, d)
		}
	}
}

// resend sends again, with DUP, what an earlier connection left unacknowledged. [MQTT-3.3.1-1]
func (s *Session) resend(o *Outgoing, now int64) {
	for i := 0; s.unsent > 0 && i < s.inflight.len() && s.windowOpen(); i++ {
		e := s.inflight.at(i)
		if e.state != awaitSend {
			continue
		}
		o.Reset(e.msg, true, now)
		if e.perhaps && e.msg.Expired(now) { // [MQTT-3.3.2-5]
			s.drops.Expired++
			s.finish(e)
			continue
		}
		if s.tooLarge(o, e.delivery()) {
			s.finish(e)
			continue
		}
		o.write(&s.out, s.link.Version, e.delivery(), true, packetID(e.ordinal))
		e.state, e.perhaps = awaitAck, false
		s.unsent--
		s.unacked++
	}
}

func (e *entry) delivery() Delivery {
	return Delivery{QoS: e.qos, Retain: e.retain, SubscriptionIDs: e.subIDs}
}

// Resume sends again what an earlier connection left unacknowledged, in the order first sent, then
// what has queued up, as far as there is room now. [MQTT-4.4.0-1] [MQTT-4.6.0-1]
func (s *Session) Resume(now int64) Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pump(now)
	return s.wake()
}

// reopen begins a new connection's exchanges: PUBREL again for what awaits PUBCOMP, and the rest in
// flight is to be sent again.
func (s *Session) reopen() {
	s.unacked, s.unsent = 0, 0
	for i := range s.inflight.len() {
		e := s.inflight.at(i)
		switch {
		case e.state == awaitComp:
			s.appendAck(packet.TypePubrel, packetID(e.ordinal))
			s.unacked++
		case e.state != done:
			e.state = awaitSend
			s.unsent++
		}
	}
}

func (s *Session) appendAck(t packet.Type, id uint16) {
	a := packet.Ack{PacketID: id}
	var buf [8]byte
	s.out.append(a.Append(buf[:0], t, s.link.Version))
}

// find returns the entry in flight with a packet identifier, or nil.
func (s *Session) find(id uint16) *entry {
	if id == 0 || s.inflight.len() == 0 {
		return nil
	}
	first := s.inflight.at(0).ordinal
	want := first + (uint64(id)-1+identifiers-first%identifiers)%identifiers
	n := s.inflight.len()
	i := int(want - first)
	if i >= n || s.inflight.at(i).ordinal != want {
		i = sort.Search(n, func(i int) bool { return s.inflight.at(i).ordinal >= want })
	}
	if i >= n {
		return nil
	}
	if e := s.inflight.at(i); e.ordinal == want && e.state != done {
		return e
	}
	return nil
}

// forget notes that the log need not keep an entry.
func (s *Session) forget(e entry) {
	if e.seq != 0 {
		s.released = append(s.released, e.ordinal)
	}
}

func (s *Session) finish(e *entry) {
	s.forget(*e)
	if e.state == awaitSend {
		s.unsent--
	} else {
		s.unacked--
	}
	e.state, e.msg, e.subIDs = done, nil, nil
}

func (s *Session) popDone() {
	for s.inflight.len() > 0 && s.inflight.at(0).state == done {
		s.inflight.pop()
	}
}
