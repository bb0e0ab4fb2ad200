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
	msg     *message.Message // nil once sent, if it is not sent again from here
	subIDs  []uint32
	qos     byte
	retain  bool
	state   state
	share   uint32 // the number of Delivery.Share in shares, 0: none; a logged session's log has it instead
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
	Dropped                // counted in Limits.Drops
	Away                   // QoS 0 and the client is not there, or the session ends with its connection
)

// Deliver hands the session a message; a logged session gets those of QoS 1 and 2 by Offer. The sink
// is not nil if the caller has to flush it. The QoS of d becomes what the session gets.
func (s *Session) Deliver(o *Outgoing, d *Delivery) (Outcome, Sink) {
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
			return Dropped, nil
		}
		s.send(o, s.newEntry(o, d), d)
		return Sent, s.wake()
	}
	return s.enqueue(o, d), nil
}

func (s *Session) deliverAtMostOnce(o *Outgoing, d *Delivery) (Outcome, Sink) {
	if s.out.sealed {
		return Away, nil
	}
	if s.tooLarge(o, d) {
		return Dropped, nil
	}
	if s.out.size > s.limits.MaxOutbound {
		s.limits.Drops.OutboxFull.Add(1)
		return Dropped, nil
	}
	s.write(o, d, false, 0)
	return Sent, s.wake()
}

// Refuses says whether the session has no room for a message of so many bytes, and the policy is to
// refuse it then.
func (s *Session) Refuses(size int) bool {
	if s.limits.Policy != Refuse {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != nil && s.queue.len() == 0 && s.unsent == 0 && s.hasRoom() || !s.link.Durable && s.link.Sink == nil {
		return false
	}
	return s.full(int64(size))
}

// full says whether one more message of size bytes is too much.
func (s *Session) full(size int64) bool {
	held := s.limits.MaxHeldBytes > 0 && s.limits.Held.Bytes.Load()+size > s.limits.MaxHeldBytes
	return s.queue.len() >= s.limits.MaxQueued || s.queued+size > s.limits.MaxQueuedBytes || held
}

// fits says whether the client takes a message so large, and a packet can carry it with what it has for
// this client. [MQTT-3.1.2-24]
func (s *Session) fits(o *Outgoing, d *Delivery) bool {
	return s.link.MaxPacketSize == 0 && !o.huge || o.size(s.link.Version, d, s.aliases.find(o.msg.Topic)) <= s.largest(o)
}

// tooLarge counts a message that does not fit.
func (s *Session) tooLarge(o *Outgoing, d *Delivery) bool {
	return (s.link.MaxPacketSize != 0 || o.huge) && s.exceeds(o, d)
}

func (s *Session) exceeds(o *Outgoing, d *Delivery) bool {
	if s.fits(o, d) {
		return false
	}
	s.limits.Drops.TooLarge.Add(1)
	return true
}

// largest is the size that a PUBLISH may have, in bytes; 0: whatever the message makes it.
func (s *Session) largest(o *Outgoing) int {
	switch {
	case s.link.MaxPacketSize != 0:
		return int(min(s.link.MaxPacketSize, packet.MaxSize))
	case o.huge:
		return packet.MaxSize
	}
	return 0
}

// name says how a message that is written now names its topic. A new alias makes the packet larger, by
// its own size and at most one byte for each of two lengths: there may be no room for that.
func (s *Session) name(o *Outgoing, d *Delivery) naming {
	n := s.aliases.find(o.msg.Topic)
	if n.alias != 0 {
		return n
	}
	if limit := s.largest(o); limit != 0 && o.size(s.link.Version, d, n)+aliasSize+2 > limit {
		return n
	}
	return s.aliases.assign(o.msg.Topic)
}

// hasRoom says whether one more message may be in flight. The span of ordinals in flight stays
// below the number of packet identifiers, so that none is used twice.
func (s *Session) hasRoom() bool {
	return s.windowOpen() && (s.inflight.len() == 0 || s.nextOrdinal()-s.inflight.at(0).ordinal < identifiers)
}

// windowOpen says whether the client takes one more message that it has to acknowledge, and the
// outbox has room for it. [MQTT-3.3.4-9]
func (s *Session) windowOpen() bool {
	return s.unacked < min(s.limits.MaxInflight, int(s.link.ReceiveMaximum)) && s.out.size <= s.limits.MaxOutbound && !s.out.sealed
}

func (s *Session) nextOrdinal() uint64 {
	if s.queue.len() > 0 {
		return s.queue.at(0).ordinal
	}
	return s.next
}

func (s *Session) newEntry(o *Outgoing, d *Delivery) entry {
	e := entry{ordinal: s.next, subIDs: d.SubscriptionIDs, qos: d.QoS, retain: d.Retain, share: s.shareNumber(d.Share)}
	if s.link.Durable || d.Share != nil {
		e.msg = o.Own()
	}
	s.next++
	return e
}

// send writes an entry and moves it in flight.
func (s *Session) send(o *Outgoing, e entry, d *Delivery) {
	s.write(o, d, s.logged && e.ordinal < s.perhaps, packetID(e.ordinal))
	if s.logged || !s.link.Durable && e.share == 0 {
		e.msg = nil
	}
	if s.logged {
		s.sent = max(s.sent, e.ordinal+1)
		s.perhaps = max(s.perhaps, s.sent)
	}
	s.inflight.push(e)
	s.unacked++
}

func (s *Session) enqueue(o *Outgoing, d *Delivery) Outcome {
	size := int64(o.msg.Size())
	for !d.Force && s.full(size) {
		s.limits.Drops.QueueFull.Add(1)
		if s.limits.Policy != DropOldest || s.queue.len() == 0 {
			return Dropped
		}
		s.popQueue()
	}
	e := s.newEntry(o, d)
	e.msg = o.Own()
	s.push(e)
	return Queued
}

// push puts an entry in the queue.
func (s *Session) push(e entry) {
	s.queue.push(e)
	if e.msg == nil {
		return
	}
	size := int64(e.msg.Size())
	s.queued += size
	if !s.logged {
		s.limits.Held.Add(1, size)
	}
}

func (s *Session) popQueue() entry {
	e := s.queue.pop()
	if e.msg == nil {
		return e
	}
	size := int64(e.msg.Size())
	s.queued -= size
	if !s.logged {
		s.limits.Held.Add(-1, -size)
	}
	return e
}

// pump sends what waits while there is room.
func (s *Session) pump(now int64) {
	if s.link.Sink == nil || s.unsent+s.queue.len() == 0 {
		return
	}
	o := outgoingPool.Get().(*Outgoing)
	defer o.recycle()
	o.single = true
	s.resend(o, now)
	s.popDone()
	for s.unsent == 0 && s.queue.len() > 0 && s.hasRoom() && !s.isHeld(s.queue.at(0).ordinal) {
		e := s.popQueue()
		if e.state == awaitComp {
			s.appendAck(packet.TypePubrel, packetID(e.ordinal))
			s.inflight.push(e)
			s.unacked++
			continue
		}
		d := e.delivery()
		o.Reset(e.msg, true, now)
		switch {
		case e.msg.Expired(now) && !(s.logged && e.ordinal < s.sent): // [MQTT-3.3.2-5]
			s.limits.Drops.Expired.Add(1)
			s.forget(e.ordinal)
		case s.tooLarge(o, &d):
			s.forget(e.ordinal)
		default:
			s.send(o, e, &d)
		}
	}
	s.countSent(o)
}

// resend sends again, with DUP, what an earlier connection left unacknowledged, in a session that is
// not logged. [MQTT-3.3.1-1]
func (s *Session) resend(o *Outgoing, now int64) {
	for i := 0; s.unsent > 0 && i < s.inflight.len() && s.windowOpen(); i++ {
		e := s.inflight.at(i)
		if e.state != awaitSend {
			continue
		}
		o.Reset(e.msg, true, now)
		d := e.delivery()
		if s.tooLarge(o, &d) {
			s.finish(e)
			continue
		}
		s.write(o, &d, true, packetID(e.ordinal))
		e.state = awaitAck
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
	b := a.Append(buf[:0], t, s.link.Version)
	s.out.append(b)
	s.countEncoded(b)
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
func (s *Session) forget(ordinal uint64) {
	if s.logged {
		n := s.note()
		n.released = append(n.released, ordinal)
	}
}

func (s *Session) finish(e *entry) {
	s.forget(e.ordinal)
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
