package server

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/otlp"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// publish handles PUBLISH, of which body is all of raw but the fixed header.
func (c *conn) publish(h packet.Header, body, raw []byte) error {
	p := &c.batch.pub
	if err := p.Parse(h.Flags, body, c.peer.version); err != nil {
		return err
	}
	c.batch.received.Payload += uint64(len(p.Payload))
	if err := c.checkPublish(p); err != nil {
		return err
	}
	r, err := c.routes.find(c.srv, c.identity, p)
	if err != nil {
		return err
	}
	if p.QoS == 2 && !c.sess.Receive(p.PacketID) {
		a := c.newAck(p, true) // in its turn: the first may be waiting for the disk still
		a.again = true
		a.finish() // [MQTT-4.3.3-10]
		return nil
	}
	span := c.beginSpan(p, r)
	if !r.allowed {
		c.denyPublish(p, r.topic, span)
		return nil
	}
	if r.audited {
		c.auditPublish(r)
	}
	if c.srv.cfg.MQTT.ValidatePayloadFormat && !formatHolds(p.Forward, p.Payload) {
		return c.refuseFormat(p, span)
	}
	msg := &c.batch.msg
	msg.Topic, msg.Payload, msg.Forward = r.topic, p.Payload, p.Forward
	msg.Publisher, msg.QoS, msg.Retain, msg.Expires = c.client.id, p.QoS, p.Retain, 0
	if p.HasExpiry {
		msg.Expires = c.batch.now + int64(p.Expiry)*1000
	}
	a := c.newAck(p, len(r.targets) > 0)
	if a != nil {
		a.span = span
	}
	c.batch.out.Reset(msg, false, c.batch.now)
	c.batch.out.Came(raw, p, c.peer.version)
	c.srv.publish(c.batch, r.targets, a, nil)
	if a == nil {
		c.endSpan(span, packet.Success)
	}
	return nil
}

// checkPublish refuses what CONNACK has ruled out.
func (c *conn) checkPublish(p *packet.Publish) error {
	m := &c.srv.cfg.MQTT
	switch {
	case int32(p.Alias) > *m.TopicAliasMaximum:
		return &packet.Error{
			Reason: packet.TopicAliasInvalid, Clause: "MQTT-3.3.2-9",
			Detail: fmt.Sprintf("topic alias %d is above the Topic Alias Maximum of %d", p.Alias, *m.TopicAliasMaximum),
		}
	case len(p.SubscriptionIDs) > 0:
		return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-3.3.4-6", Detail: "subscription identifier in a PUBLISH from a client"}
	case int32(p.QoS) > *m.MaxQoS:
		return &packet.Error{Reason: packet.QoSNotSupported, Clause: "MQTT-3.2.2-11", Detail: "QoS above the Maximum QoS"}
	case p.Retain && !*m.RetainAvailable:
		return &packet.Error{Reason: packet.RetainNotSupported, Clause: "MQTT-3.2.2-14", Detail: "RETAIN where it is not available"}
	case p.QoS > 0 && c.peer.version == packet.V5 && c.unacked.Load() >= m.ReceiveMaximum:
		return &packet.Error{Reason: packet.ReceiveMaximumExceeded, Clause: "MQTT-3.3.4-9", Detail: "more unacknowledged PUBLISHes than the Receive Maximum"}
	}
	return nil
}

// validName says what is wrong with a topic name; nil: nothing.
func validName(name string, m *config.MQTT) error {
	if len(name) > int(m.MaxTopicLengthBytes) {
		return fmt.Errorf("topic name has %d bytes, at most %d are allowed", len(name), m.MaxTopicLengthBytes)
	}
	return topic.ValidName(name, int(m.MaxTopicLevels))
}

// denyPublish answers a PUBLISH that the rules do not allow: with 0x87 where the version can say
// so, else as if it had been published. [MQTT-3.3.5-2]
func (c *conn) denyPublish(p *packet.Publish, topic string, span *otlp.Span) {
	c.tellDenied(deniedPublish, topic, topic)
	a := c.newAck(p, true)
	if a == nil {
		c.endSpan(span, packet.NotAuthorized)
		return
	}
	a.span = span
	if c.peer.version == packet.V5 {
		a.refuse(packet.NotAuthorized, whyDenied)
	}
	a.finish()
}

// newAck is the acknowledgement that a PUBLISH calls for; nil: none.
func (c *conn) newAck(p *packet.Publish, matched bool) *ack {
	if p.QoS == 0 {
		return nil
	}
	a := &c.batch.ack
	*a = ack{conn: c, id: p.PacketID, kind: packet.TypePuback}
	if p.QoS == 2 {
		a.kind = packet.TypePubrec
	}
	if !matched {
		a.reason = packet.NoMatchingSubscribers
	}
	return a
}

// publish stores the message that b.out carries where somebody needs it stored and hands it to its targets. a is sent once
// all of that is done; nil: nobody waits. also may be nil.
func (s *Server) publish(b *batch, targets []target, a *ack, also *extra) {
	msg := b.out.Message()
	s.watch.Published(msg.Topic)
	// A will is not refused: there is nobody to be told.
	refuse := s.limits.Policy == session.Refuse && a != nil
	if refuse && s.refuses(b, targets) {
		s.limits.Drops.Refused.Add(1)
		a.refuse(packet.QuotaExceeded, whyQueueFull)
		a.finish()
		return
	}
	var d session.Delivery
	for i := range targets {
		t := &targets[i]
		if t.group != nil {
			if !s.share(b, t.group, session.Full) {
				s.limits.Drops.NoMember.Add(1)
			}
			continue
		}
		if t.noLocal && t.client.id == msg.Publisher {
			continue // [MQTT-3.8.3-3]
		}
		t.delivery(&d, msg)
		d.Force = refuse
		s.journal.deliver(b, t.client, &d, refuse && b.counted[i])
	}
	if s.journal != nil {
		s.journal.publish(b, a, also)
	} else if msg.Retain {
		b.retain(s.store, msg)
	}
	if msg.Retain {
		s.expiry.retained(msg.Expires)
	}
	if a != nil {
		a.finish()
	}
}

// delivery makes d how t gets msg. It is written field by field: to copy a whole Delivery takes as long as to use it.
func (t *target) delivery(d *session.Delivery, msg *message.Message) {
	d.QoS, d.Retain, d.SubscriptionIDs = t.qos, t.retainAsPublished && msg.Retain, t.ids // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
}
