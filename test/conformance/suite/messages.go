package suite

import (
	"fmt"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/internal/client"
)

// Filter is a filter at a QoS.
func Filter(filter string, qos byte) packet.Filter { return packet.Filter{Filter: filter, QoS: qos} }

// Message is a PUBLISH of a text.
func Message(topic, text string, qos byte) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(text), QoS: qos}
}

// Retained is Message with RETAIN.
func Retained(topic, text string, qos byte) packet.Publish {
	m := Message(topic, text, qos)
	m.Retain = true
	return m
}

// Post sends a PUBLISH, waits for nothing and returns its packet identifier, which is chosen if there must be one.
func (p *Peer) Post(m packet.Publish) uint16 {
	if m.QoS > 0 && m.PacketID == 0 {
		m.PacketID = p.ID()
	}
	p.c.Publish(&m)
	_ = p.c.Flush() // a broker that is gone shows at the next read
	return m.PacketID
}

// Publish sends a PUBLISH and waits until the broker has taken it: for its acknowledgements, or PINGRESP at QoS 0.
func (p *Peer) Publish(m packet.Publish) packet.ReasonCode {
	p.t.Helper()
	id := p.Post(m)
	switch m.QoS {
	case 0:
		p.Quiet()
		return packet.Success
	case 1:
		return p.ExpectAck(packet.TypePuback, id).Reason
	}
	rec := p.ExpectAck(packet.TypePubrec, id)
	if !rec.Reason.Failed() {
		p.Ack(packet.TypePubrel, id)
		p.ExpectAck(packet.TypePubcomp, id)
	}
	return rec.Reason
}

// Say publishes a text; see Publish.
func (p *Peer) Say(topic, text string, qos byte) {
	p.t.Helper()
	if r := p.Publish(Message(topic, text, qos)); r.Failed() {
		p.t.Fatalf("publish to %s: %v", topic, r)
	}
}

// Subscribe subscribes and returns SUBACK's codes. Messages that come before it are kept for Next.
func (p *Peer) Subscribe(filters ...packet.Filter) []packet.ReasonCode {
	p.t.Helper()
	return p.SubscribeWith(packet.Subscribe{Filters: filters}).Reasons
}

// SubscribeWith is Subscribe with what else a SUBSCRIBE may have.
func (p *Peer) SubscribeWith(s packet.Subscribe) packet.Suback {
	p.t.Helper()
	if s.PacketID == 0 {
		s.PacketID = p.ID()
	}
	p.c.Send(s.Append(nil, p.t.Version))
	got := p.answer(packet.TypeSuback).Suback
	if got.PacketID != s.PacketID || len(got.Reasons) != len(s.Filters) {
		p.t.Fatalf("SUBACK of %d with %d codes, for SUBSCRIBE %d with %d filters", got.PacketID, len(got.Reasons), s.PacketID, len(s.Filters))
	}
	return got
}

// Join subscribes to a filter, which must be granted at its QoS.
func (p *Peer) Join(filter string, qos byte) {
	p.t.Helper()
	if got := p.Subscribe(Filter(filter, qos))[0]; got != packet.ReasonCode(qos) {
		p.t.Fatalf("subscription to %s at QoS %d: 0x%02x", filter, qos, byte(got))
	}
}

// Unsubscribe unsubscribes and returns UNSUBACK. Messages that come before it are kept for Next.
func (p *Peer) Unsubscribe(filters ...string) packet.Unsuback {
	p.t.Helper()
	id := p.ID()
	p.c.Unsubscribe(id, filters...)
	got := p.answer(packet.TypeUnsuback).Unsuback
	if got.PacketID != id {
		p.t.Fatalf("UNSUBACK of %d, not %d", got.PacketID, id)
	}
	return got
}

// answer is the next packet that is no message, which must be of type want; the messages are kept.
func (p *Peer) answer(want packet.Type) client.Packet {
	p.t.Helper()
	for {
		got, err := p.read()
		switch {
		case err != nil:
			p.t.Fatalf("read: %v", err)
		case got.Type == want:
			return got
		case got.Type != packet.TypePublish:
			p.t.Fatalf("%v instead of %v", describe(got), want)
		}
		p.early = append(p.early, got)
	}
}

// Get is the next packet, which must be a PUBLISH with this text; it is not acknowledged.
func (p *Peer) Get(topic, text string) packet.Publish {
	p.t.Helper()
	got := p.Expect(packet.TypePublish).Publish
	if string(got.Topic) != topic || string(got.Payload) != text {
		p.t.Fatalf("PUBLISH %.80q %.40q instead of %.80q %.40q", got.Topic, got.Payload, topic, text)
	}
	return got
}

// Take is Get with the acknowledgements that the QoS asks for.
func (p *Peer) Take(topic, text string) packet.Publish {
	p.t.Helper()
	got := p.Get(topic, text)
	p.Accept(got)
	return got
}

// Accept acknowledges a message, to the end.
func (p *Peer) Accept(m packet.Publish) {
	p.t.Helper()
	switch m.QoS {
	case 1:
		p.Ack(packet.TypePuback, m.PacketID)
		p.Flush()
	case 2:
		p.Ack(packet.TypePubrec, m.PacketID)
		p.ExpectAck(packet.TypePubrel, m.PacketID)
		p.Ack(packet.TypePubcomp, m.PacketID)
		p.Flush()
	}
}

// Texts takes messages until one with the text last comes, and returns the texts before it, sorted.
func (p *Peer) Texts(last string) []string {
	p.t.Helper()
	var texts []string
	for {
		got := p.Expect(packet.TypePublish).Publish
		p.Accept(got)
		if string(got.Payload) == last {
			slices.Sort(texts)
			return texts
		}
		texts = append(texts, string(got.Payload))
	}
}

// describe is a packet in a few words.
func describe(got client.Packet) string {
	switch got.Type {
	case packet.TypePublish:
		return fmt.Sprintf("PUBLISH %.80q %.40q", got.Publish.Topic, got.Publish.Payload)
	case packet.TypeDisconnect:
		return fmt.Sprintf("DISCONNECT (%v %s)", got.Disconnect.Reason, got.Disconnect.ReasonString)
	case packet.TypeConnack:
		return fmt.Sprintf("CONNACK (%v)", got.Connack.Reason)
	}
	return got.Type.String()
}
