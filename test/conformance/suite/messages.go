package suite

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
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

// Join subscribes to a filter, which must be granted at its QoS.
func (p *Peer) Join(filter string, qos byte) {
	p.t.Helper()
	if got := p.Subscribe(Filter(filter, qos))[0]; got != packet.ReasonCode(qos) {
		p.t.Fatalf("subscription to %s at QoS %d: 0x%02x", filter, qos, byte(got))
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
