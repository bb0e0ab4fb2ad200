package server

import (
	"github.com/dunlin-mqtt/dunlin/broker/otlp"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// ack is the acknowledgement of the PUBLISH that is being handled. Work that is done later, when
// the disk has it, takes a part; the acknowledgement is sent when the last part is done, and never
// before those of earlier PUBLISHes.
type ack struct {
	conn    *conn
	kind    packet.Type // PUBACK or PUBREC
	id      uint16
	again   bool // of a QoS 2 PUBLISH that came before: it is counted already
	reason  packet.ReasonCode
	why     string      // the reason string; "": none
	span    *otlp.Span  // of the PUBLISH; nil: it is not traced
	pending *pendingAck // nil while it is not in the queue
}

// part takes one part. The caller calls conn.partDone with it once.
func (a *ack) part() *pendingAck {
	if a.pending == nil {
		a.queue()
	}
	a.conn.acks.more(a.pending)
	return a.pending
}

// queue puts the acknowledgement in the queue, with one part, which finish does.
func (a *ack) queue() *pendingAck {
	a.conn.flushReplies() // acknowledgements of earlier PUBLISHes first
	a.pending = &pendingAck{ack: *a, left: 1}
	if b := a.conn.batch; !b.read.IsZero() {
		b.awaiting++
		a.pending.read = b.read.Sub(a.conn.srv.started)
	}
	a.conn.unacked.Add(1)
	a.conn.acks.add(a.pending)
	return a.pending
}

// refuse makes it say no.
func (a *ack) refuse(reason packet.ReasonCode, why string) { a.reason, a.why = reason, why }

// finish says that no further parts will be taken.
func (a *ack) finish() {
	switch {
	case a.pending != nil:
		a.conn.partDone(a.conn.batch, a.pending, nil)
	case a.conn.acks.empty():
		b := a.conn.batch
		b.replies, _ = a.conn.appendAck(b.replies, a)
	default:
		a.conn.partDone(a.conn.batch, a.queue(), nil)
	}
}

// partDone notes that a part is done and sends the acknowledgements that may go now. A part that
// failed is one that the disk does not have, or perhaps not: its publisher is told (MQTT 5), or not answered.
func (c *conn) partDone(b *batch, p *pendingAck, err error) {
	var room [8]*pendingAck
	var buf []byte
	c.acks.mu.Lock() // until the bytes are in the outbox, so that they leave in order
	defer c.acks.mu.Unlock()
	for _, a := range c.acks.done(p, err, room[:0]) {
		c.unacked.Add(-1)
		if a.unproven && a.kind == packet.TypePubrec && c.client.logged.Load() {
			c.kick(errUnproven) // the packet identifier stays taken until attach has asked the log
			c.acks.ended = true
		} else {
			var sent bool
			buf, sent = c.appendAck(buf, &a.ack)
			c.acks.ended = !sent
		}
		if c.acks.ended {
			break
		}
		if a.read != 0 {
			c.srv.measures.stored.Observe(c.srv.now().Sub(c.srv.started)-a.read, 1)
		}
	}
	if len(buf) > 0 {
		b.send(c, buf)
	}
}

// errUnproven has a client send its QoS 2 messages again, on its next connection: those that are stored nevertheless are found by
// their packet identifiers, and the others are new. [MQTT-4.4.0-1]
var errUnproven = &packet.Error{
	Reason: packet.ImplementationSpecificError, Clause: "MQTT-4.4.0-1", Detail: "the store has failed, and does not know whether it has a message: send it again",
}

// appendAck appends an acknowledgement; false: it is one that the version has no word for, and the connection ends instead.
func (c *conn) appendAck(dst []byte, a *ack) ([]byte, bool) {
	if a.again && !c.sess.Receiving(a.id) {
		a.refuse(packet.QuotaExceeded, whyNotStored) // as the first was
	}
	c.endSpan(a.span, a.reason)
	switch {
	case a.kind != packet.TypePubrec || a.again:
	case a.reason.Failed():
		c.sess.Release(a.id)
	default:
		c.unacked.Add(1) // until PUBREL
	}
	if a.reason.Failed() && c.peer.version != packet.V5 {
		// 3.1.1 has no way to say no: the client sends again on its next connection. [MQTT-4.8.0-2]
		c.kick(&packet.Error{Reason: a.reason, Clause: "MQTT-4.8.0-2", Detail: "a PUBLISH is refused"})
		return dst, false
	}
	p := packet.Ack{PacketID: a.id, Reason: a.reason}
	if a.why == "" {
		return p.Append(dst, a.kind, c.peer.version), true
	}
	return c.explained(dst, a.why, func(dst []byte, why string) []byte {
		p.ReasonString = why
		return p.Append(dst, a.kind, c.peer.version)
	}), true
}

// acknowledge handles PUBACK, PUBREC, PUBREL and PUBCOMP.
func (c *conn) acknowledge(t packet.Type, body []byte) error {
	var a packet.Ack
	if err := a.Parse(t, body, c.peer.version); err != nil {
		return err
	}
	known := false
	switch t {
	case packet.TypePuback:
		known = c.sess.Puback(a.PacketID)
	case packet.TypePubrec:
		known = c.pubrec(&a)
	case packet.TypePubrel:
		known = c.pubrel(a.PacketID)
	case packet.TypePubcomp:
		known = c.sess.Pubcomp(a.PacketID)
	}
	c.batch.acked = true
	if !known {
		c.srv.log.Debug("acknowledgement of an unknown packet identifier", "client_id", c.client.id, "packet", t.String())
	}
	return nil
}

// pubrec answers PUBREC with PUBREL, once it is stored that the client has the message. [MQTT-4.3.3-4]
func (c *conn) pubrec(a *packet.Ack) (known bool) {
	ordinal, stored, known := c.sess.Pubrec(a.PacketID, a.Reason.Failed())
	if a.Reason.Failed() {
		return known
	}
	rel := packet.Ack{PacketID: a.PacketID, Reason: reasonFor(known)}
	if stored {
		c.journaled(rel.Append(nil, packet.TypePubrel, c.peer.version), c.srv.journal.arrived(c.client, ordinal))
	} else {
		c.batch.replies = rel.Append(c.batch.replies, packet.TypePubrel, c.peer.version)
	}
	return known
}

// pubrel frees the packet identifier of an inbound QoS 2 message. [MQTT-4.3.3-11]
func (c *conn) pubrel(id uint16) (known bool) {
	if known = c.sess.Release(id); known && c.unacked.Add(-1) < 0 {
		c.unacked.Add(1) // taken on an earlier connection, and not counted on this one
	}
	comp := packet.Ack{PacketID: id, Reason: reasonFor(known)}
	// Also if it is not known: that it is free may not be in the log yet.
	c.journaled(comp.Append(nil, packet.TypePubcomp, c.peer.version), c.srv.journal.inboundDone(c.client, id))
	return known
}

func reasonFor(known bool) packet.ReasonCode {
	if known {
		return packet.Success
	}
	return packet.PacketIdentifierNotFound
}
