package v5

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

func pubrelUnlessFailed(t *suite.T) {
	t.Sub("PUBREL", check.PubrelForPubrec)
	t.Sub("none", func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(topic, 2)
		pub.Say(topic, "x", 2)
		sub.Nack(packet.TypePubrec, sub.ExpectMessage(topic, "x").PacketID, packet.UnspecifiedError)
		sub.Quiet()
	})
}

// sentDoesNotExpire: a QoS 2 message that has been sent is sent again though it has expired meanwhile.
func sentDoesNotExpire(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 2)
	m := suite.Message(topic, "x", 2)
	m.HasExpiry, m.Expiry = true, 1
	pub.Publish(m)
	id := sub.ExpectMessage(topic, "x").PacketID
	sub.Close()
	t.Pass(2100 * time.Millisecond)
	sub = t.Keep("sub")
	if got := sub.ExpectMessage(topic, "x"); got.PacketID != id || !got.Dup {
		t.Errorf("packet identifier %d, not %d, DUP %v", got.PacketID, id, got.Dup)
	}
	sub.Accept(packet.Publish{QoS: 2, PacketID: id})
	sub.Quiet()
}

func newAfterFailure(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	m := suite.Message("denied/"+t.ID(""), "x", 2)
	m.PacketID = 5
	pub.SendPublish(m)
	got, over := pub.NextOrEnd()
	if over || got.Type != packet.TypePubrec || !got.Ack.Reason.Failed() {
		t.Skip("this broker has no PUBREC of failure for a denied topic")
	}
	m.Topic = []byte(topic)
	pub.Publish(m)
	sub.Take(topic, "x")
}

// acksGoOn: both ways.
func acksGoOn(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	m := suite.Message(topic, "x", 2)
	m.HasExpiry, m.Expiry = true, 1
	id := pub.SendPublish(m)
	pub.ExpectAck(packet.TypePubrec, id)
	other := suite.Message(topic, "y", 2)
	pub.Publish(other)
	t.Pass(1100 * time.Millisecond)
	pub.Ack(packet.TypePubrel, id)
	if comp := pub.ExpectAck(packet.TypePubcomp, id); comp.Reason != packet.Success {
		t.Errorf("PUBCOMP: %v", comp.Reason)
	}
}

// failureIsAnswer: a message that was refused does not come again, and its place is free.
func failureIsAnswer(t *suite.T) {
	topic := t.Topic("a")
	hello := t.Hello("sub", false)
	hello.Properties.ReceiveMaximum = 1
	sub, pub := t.Connect(hello), t.Client("pub")
	sub.Join(topic, 2)
	for qos, kind := range map[byte]packet.Type{1: packet.TypePuback, 2: packet.TypePubrec} {
		pub.Say(topic, "refused", qos)
		pub.Say(topic, "next", qos)
		sub.Nack(kind, sub.ExpectMessage(topic, "refused").PacketID, packet.QuotaExceeded)
		sub.Take(topic, "next")
		sub.Quiet() // the broker has read that
		sub.Close()
		sub = t.Connect(hello)
		sub.Quiet()
	}
}

// firstQuota: as many come at once as the receive maximum says, and no more.
func firstQuota(t *suite.T) {
	for _, qos := range []byte{1, 2} {
		for _, maximum := range []uint16{1, 5} {
			sub, topic := receiving(t, maximum, qos, 7)
			for i := range maximum {
				sub.ExpectMessage(topic, fmt.Sprint(i))
			}
			sub.Quiet()
		}
	}
}

// quotaOfZero: with the quota used up QoS 1 and 2 wait, and go on when it is not.
func quotaOfZero(t *suite.T) {
	sub, topic := receiving(t, 1, 1, 4)
	for i := range 4 {
		got := sub.ExpectMessage(topic, fmt.Sprint(i))
		sub.Quiet()
		sub.Accept(got)
	}
	sub.Quiet()
}

func noMethod(t *suite.T) {
	p := t.Dial()
	if ack := p.Connect(t.Hello("", true)); ack.Properties.AuthMethod != "" || ack.Properties.AuthData != nil {
		t.Errorf("CONNACK has the authentication method %q", ack.Properties.AuthMethod)
	}
	p.Quiet()
}

func failureEnds(t *suite.T) {
	t.Sub("CONNACK", unknownMethod)
	t.Sub("DISCONNECT", disconnectCodes)
	t.Sub("from the client", func(t *suite.T) {
		p := t.Client("")
		p.LeaveWith(packet.Disconnect{Reason: packet.UnspecifiedError})
	})
}

// shareNames: filters that begin as a shared subscription's and are none: refused, or the end. "$share" alone is a filter.
func shareNames(filters ...string) func(*suite.T) {
	return func(t *suite.T) {
		for _, filter := range filters {
			p := t.Client("")
			s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{suite.Filter(filter, 0)}}
			p.Send(s.Append(nil, packet.V5))
			got, over := p.NextOrEnd()
			switch {
			case over, got.Type == packet.TypeDisconnect && got.Disconnect.Reason.Failed():
			case got.Type == packet.TypeSuback && (got.Suback.Reasons[0].Failed() || filter == "$share"):
			default:
				t.Errorf("%s: %v %v", filter, got.Type, got.Suback.Reasons)
			}
		}
	}
}
