package mqtttest

import "github.com/dunlin-mqtt/dunlin/broker/packet"

// Subscribe subscribes and returns the SUBACK's reason codes. Messages that come first are next. [MQTT-3.8.4-1]
func (c *Client) Subscribe(filters ...packet.Filter) []packet.ReasonCode {
	c.t.Helper()
	return c.SubscribeWith(packet.Subscribe{Filters: filters}).Reasons
}

// SubscribeWith is Subscribe with what else a SUBSCRIBE may have.
func (c *Client) SubscribeWith(p packet.Subscribe) packet.Suback {
	c.t.Helper()
	if p.PacketID == 0 {
		p.PacketID = c.ID()
	}
	c.Send(p.Append(nil, c.c.Version()))
	got := c.behindMessages(packet.TypeSuback).Suback
	if got.PacketID != p.PacketID || len(got.Reasons) != len(p.Filters) {
		c.t.Fatalf("SUBACK of %d with %d codes, for SUBSCRIBE %d with %d filters", got.PacketID, len(got.Reasons), p.PacketID, len(p.Filters))
	}
	return got
}

// Unsubscribe unsubscribes and returns the UNSUBACK. Messages that come first are next.
func (c *Client) Unsubscribe(filters ...string) packet.Unsuback {
	c.t.Helper()
	p := packet.Unsubscribe{PacketID: c.ID(), Filters: filters}
	c.Send(p.Append(nil, c.c.Version()))
	got := c.behindMessages(packet.TypeUnsuback).Unsuback
	if got.PacketID != p.PacketID {
		c.t.Fatalf("UNSUBACK of %d, not %d", got.PacketID, p.PacketID)
	}
	return got
}

// behindMessages is the next packet that is no PUBLISH, and must be of type t.
func (c *Client) behindMessages(t packet.Type) Packet {
	c.t.Helper()
	for {
		switch got, err := c.c.Next(); {
		case err != nil:
			c.t.Fatalf("read: %v", err)
		case got.Type == t:
			return got
		case got.Type == packet.TypePublish:
			c.early = append(c.early, got)
		default:
			c.t.Fatalf("%s instead of %v", Describe(got), t)
		}
	}
}

// SendPublish sends a PUBLISH and waits for nothing. Its packet identifier is chosen if it needs one and has none.
func (c *Client) SendPublish(p packet.Publish) uint16 {
	c.t.Helper()
	if p.QoS > 0 && p.PacketID == 0 {
		p.PacketID = c.ID()
	}
	c.Send(p.Append(nil, c.c.Version()))
	return p.PacketID
}

// Publish publishes and waits until the broker has it: for the acknowledgements, or, with QoS 0,
// for the answer to a PINGREQ. It returns the reason code. Nothing else may come meanwhile.
func (c *Client) Publish(p packet.Publish) packet.ReasonCode {
	c.t.Helper()
	id := c.SendPublish(p)
	switch p.QoS {
	case 0:
		c.Quiet()
		return packet.Success
	case 1:
		return c.ExpectAck(packet.TypePuback, id).Reason
	}
	rec := c.ExpectAck(packet.TypePubrec, id)
	if !rec.Reason.Failed() {
		c.Ack(packet.TypePubrel, id)
		c.ExpectAck(packet.TypePubcomp, id)
	}
	return rec.Reason
}

// Say publishes a text; see Publish.
func (c *Client) Say(topic, text string, qos byte) {
	c.t.Helper()
	if got := c.Publish(packet.Publish{Topic: []byte(topic), Payload: []byte(text), QoS: qos}); got.Failed() {
		c.t.Fatalf("publish to %s: %v", topic, got)
	}
}

// Retain publishes a retained text at QoS 1; an empty one clears.
func (c *Client) Retain(topic, text string) {
	c.t.Helper()
	c.Publish(packet.Publish{Topic: []byte(topic), Payload: []byte(text), QoS: 1, Retain: true})
}

// Ack sends PUBACK, PUBREC, PUBREL or PUBCOMP.
func (c *Client) Ack(t packet.Type, id uint16) {
	c.t.Helper()
	c.Nack(t, id, packet.Success)
}

// Nack is Ack with a reason code.
func (c *Client) Nack(t packet.Type, id uint16, r packet.ReasonCode) {
	c.t.Helper()
	a := packet.Ack{PacketID: id, Reason: r}
	c.Send(a.Append(nil, t, c.c.Version()))
}

// ExpectAck is the next packet, which must be of type t for a packet identifier.
func (c *Client) ExpectAck(t packet.Type, id uint16) packet.Ack {
	c.t.Helper()
	a := c.Expect(t).Ack
	if a.PacketID != id {
		c.t.Fatalf("%v of packet identifier %d, and not %d", t, a.PacketID, id)
	}
	return a
}

// ExpectMessage is the next packet, which must be a PUBLISH of this topic and payload. It is not acknowledged.
func (c *Client) ExpectMessage(topic, payload string) packet.Publish {
	c.t.Helper()
	p := c.Expect(packet.TypePublish).Publish
	if string(p.Topic) != topic || string(p.Payload) != payload {
		c.t.Fatalf("PUBLISH %.80q=%.40q, and not %.80q=%.40q", p.Topic, p.Payload, topic, payload)
	}
	return p
}

// Take is ExpectMessage with the acknowledgements that its QoS asks for.
func (c *Client) Take(topic, payload string) packet.Publish {
	c.t.Helper()
	p := c.ExpectMessage(topic, payload)
	c.Accept(p)
	return p
}

// Accept acknowledges a message, with QoS 2 until PUBCOMP.
func (c *Client) Accept(p packet.Publish) {
	c.t.Helper()
	switch p.QoS {
	case 1:
		c.Ack(packet.TypePuback, p.PacketID)
	case 2:
		c.Ack(packet.TypePubrec, p.PacketID)
		c.ExpectAck(packet.TypePubrel, p.PacketID)
		c.Ack(packet.TypePubcomp, p.PacketID)
	}
}
