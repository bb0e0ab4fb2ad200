package check

import (
	"fmt"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// SendsQoS0 checks that a QoS 0 message goes out with QoS 0 and without DUP.
func SendsQoS0(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	pub.Say(topic, "x", 0)
	if got := sub.Expect(packet.TypePublish); got.Raw[0] != 0x30 {
		t.Errorf("first byte 0x%02x", got.Raw[0])
	}
}

// SendsUnusedID checks that a QoS 1 or 2 message goes out with a packet identifier that no other unacknowledged one has.
func SendsUnusedID(qos byte) func(*suite.T) {
	return func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(topic, qos)
		used := map[uint16]bool{}
		for i := range 10 {
			pub.Say(topic, fmt.Sprint(i), qos)
			id := sub.ExpectMessage(topic, fmt.Sprint(i)).PacketID
			if id == 0 || used[id] {
				t.Errorf("packet identifier %d is 0 or in use", id)
			}
			used[id] = true
		}
	}
}

// SendsFirst checks that a message goes out the first time with its QoS and without DUP.
func SendsFirst(qos byte) func(*suite.T) {
	return func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(topic, qos)
		pub.Say(topic, "x", qos)
		if got := sub.Expect(packet.TypePublish).Raw[0]; got != 0x30|qos<<1 {
			t.Errorf("first byte 0x%02x", got)
		}
	}
}

// ResentUntilAcked checks that a message is sent again on each new connection until it is acknowledged, and not after.
func ResentUntilAcked(qos byte) func(*suite.T) {
	return func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Keep("sub"), t.Client("pub")
		sub.Join(topic, qos)
		pub.Say(topic, "x", qos)
		id := sub.ExpectMessage(topic, "x").PacketID
		for range 2 {
			sub.Close()
			sub = t.Keep("sub")
			if got := sub.ExpectMessage(topic, "x"); got.PacketID != id || !got.Dup || got.QoS != qos {
				t.Errorf("sent again with packet identifier %d, not %d, DUP %v, QoS %d", got.PacketID, id, got.Dup, got.QoS)
			}
		}
		sub.Accept(packet.Publish{QoS: qos, PacketID: id})
		sub.Quiet()
		sub.Leave()
		t.Keep("sub").Quiet()
	}
}

// Puback checks that a QoS 1 message is answered by PUBACK with its packet identifier.
func Puback(t *suite.T) {
	p := t.Client("")
	for _, id := range []uint16{1, 0x0102, 0xFFFF} {
		m := suite.Message(t.Topic("a"), "x", 1)
		m.PacketID = id
		p.SendPublish(m)
		p.ExpectAck(packet.TypePuback, id)
	}
}

// AfterPubackIsNew checks that after PUBACK a PUBLISH with the same packet identifier is a new message, DUP or not.
func AfterPubackIsNew(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 1)
	for _, dup := range []bool{false, true, true, false} {
		m := suite.Message(topic, "x", 1)
		m.PacketID, m.Dup = 7, dup
		pub.SendPublish(m)
		pub.ExpectAck(packet.TypePuback, 7)
		sub.Take(topic, "x")
	}
	sub.Quiet()
}

// QoS1Sender is the broker's part as the sender of a QoS 1 message.
func QoS1Sender(t *suite.T) {
	t.Sub("unused packet identifier", SendsUnusedID(1))
	t.Sub("first", SendsFirst(1))
	t.Sub("unacknowledged", ResentUntilAcked(1))
}

// QoS1Receiver is its part as the receiver.
func QoS1Receiver(t *suite.T) {
	t.Sub("PUBACK", Puback)
	t.Sub("new after it", AfterPubackIsNew)
}

// PubrelForPubrec checks that PUBREC is answered by PUBREL with the same packet identifier.
func PubrelForPubrec(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	for range 3 {
		pub.Say(topic, "x", 2)
		id := sub.ExpectMessage(topic, "x").PacketID
		sub.Ack(packet.TypePubrec, id)
		sub.ExpectAck(packet.TypePubrel, id)
		sub.Ack(packet.TypePubcomp, id)
	}
	sub.Quiet()
}

// PubrelResent checks that PUBREL is sent again, and not the PUBLISH, on each new connection until PUBCOMP comes, and not after.
func PubrelResent(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 2)
	pub.Say(topic, "x", 2)
	id := sub.ExpectMessage(topic, "x").PacketID
	sub.Ack(packet.TypePubrec, id)
	sub.ExpectAck(packet.TypePubrel, id)
	for range 2 {
		sub.Close()
		sub = t.Keep("sub")
		sub.ExpectAck(packet.TypePubrel, id)
		sub.Quiet()
	}
	sub.Ack(packet.TypePubcomp, id)
	sub.Quiet()
	sub.Leave()
	t.Keep("sub").Quiet()
}

// QoS2Sender is the broker's part as the sender of a QoS 2 message.
func QoS2Sender(t *suite.T) {
	t.Sub("unused packet identifier", SendsUnusedID(2))
	t.Sub("first", SendsFirst(2))
	t.Sub("unacknowledged PUBLISH", ResentUntilAcked(2))
	t.Sub("PUBREL", PubrelForPubrec)
	t.Sub("unacknowledged PUBREL", PubrelResent)
}

// Pubrec checks that a QoS 2 message is answered by PUBREC with its packet identifier.
func Pubrec(t *suite.T) {
	p := t.Client("")
	for _, id := range []uint16{1, 0x0102, 0xFFFF} {
		m := suite.Message(t.Topic("a"), "x", 2)
		m.PacketID = id
		p.SendPublish(m)
		p.ExpectAck(packet.TypePubrec, id)
	}
}

// NoDuplicates checks that until PUBREL, a PUBLISH with the same packet identifier is answered by PUBREC and delivered to nobody,
// on another connection of the session too.
func NoDuplicates(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Keep("pub")
	sub.Join(topic, 2)
	m := suite.Message(topic, "x", 2)
	m.PacketID = 5
	for i := range 4 {
		if i == 2 {
			pub.Close()
			pub = t.Keep("pub")
		}
		pub.SendPublish(m)
		pub.ExpectAck(packet.TypePubrec, 5)
		m.Dup = true
	}
	pub.Ack(packet.TypePubrel, 5)
	pub.ExpectAck(packet.TypePubcomp, 5)
	pub.Say(topic, "marker", 2)
	for _, got := range []packet.Publish{sub.ExpectMessage(topic, "x"), sub.ExpectMessage(topic, "marker")} {
		sub.Accept(got)
	}
}

// Pubcomp checks that PUBREL is answered by PUBCOMP with its packet identifier, on another connection of the session too.
func Pubcomp(t *suite.T) {
	p := t.Keep("p")
	for _, id := range []uint16{1, 0xFFFF} {
		m := suite.Message(t.Topic("a"), "x", 2)
		m.PacketID = id
		p.SendPublish(m)
		p.ExpectAck(packet.TypePubrec, id)
		p.Ack(packet.TypePubrel, id)
		p.ExpectAck(packet.TypePubcomp, id)
		p.Ack(packet.TypePubrel, id) // again, as if PUBCOMP were lost
		p.ExpectAck(packet.TypePubcomp, id)
	}
	p.ExpectAck(packet.TypePubrec, p.SendPublish(suite.Message(t.Topic("a"), "x", 2)))
	p.Close()
	p = t.Keep("p")
	p.Ack(packet.TypePubrel, 1)
	p.ExpectAck(packet.TypePubcomp, 1)
}

// AfterPubcompIsNew checks that after PUBCOMP a PUBLISH with the same packet identifier is a new message.
func AfterPubcompIsNew(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	for range 3 {
		m := suite.Message(topic, "x", 2)
		m.PacketID = 9
		pub.Publish(m)
		sub.Take(topic, "x")
	}
	sub.Quiet()
}

// QoS2Receiver is the broker's part as the receiver of a QoS 2 message.
func QoS2Receiver(t *suite.T) {
	t.Sub("PUBREC", Pubrec)
	t.Sub("no duplicates", NoDuplicates)
	t.Sub("PUBCOMP", Pubcomp)
	t.Sub("new after it", AfterPubcompIsNew)
}

// Redelivery checks that on a new connection of the session PUBLISHes and PUBRELs without answer come again, with their packet
// identifiers; on the same connection they do not.
func Redelivery(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 2)
	ids := map[string]uint16{}
	for text, qos := range map[string]byte{"one": 1, "two": 2, "released": 2} {
		pub.Say(topic, text, qos)
		ids[text] = sub.ExpectMessage(topic, text).PacketID
	}
	sub.Ack(packet.TypePubrec, ids["released"])
	sub.ExpectAck(packet.TypePubrel, ids["released"])
	sub.Quiet()
	sub.Close()
	sub = t.Keep("sub")
	for range ids {
		switch got := sub.Packet(); {
		case got.Type == packet.TypePublish && got.Publish.Dup && got.Publish.PacketID == ids[string(got.Publish.Payload)]:
		case got.Type == packet.TypePubrel && got.Ack.PacketID == ids["released"]:
		default:
			t.Errorf("%v %q of %d or %d, DUP %v", got.Type, got.Publish.Payload, got.Publish.PacketID, got.Ack.PacketID, got.Publish.Dup)
		}
	}
	sub.Quiet()
}

// ResentInOrder checks that what is sent again comes in the order in which it was sent.
func ResentInOrder(t *suite.T) {
	for _, qos := range []byte{1, 2} {
		topic := t.Topic(string('0' + qos))
		sub, pub := t.Keep("sub"+string('0'+qos)), t.Client("pub")
		sub.Join(topic, qos)
		const many = 10
		for i := range many {
			pub.Say(topic, fmt.Sprint(i), qos)
			sub.ExpectMessage(topic, fmt.Sprint(i))
		}
		sub.Close()
		sub = t.Keep("sub" + string('0'+qos))
		for i := range many {
			if !sub.ExpectMessage(topic, fmt.Sprint(i)).Dup {
				t.Error("DUP is not set")
			}
		}
	}
}

// Ordered checks that messages of one publisher, topic and QoS come in the order in which they were published.
func Ordered(t *suite.T) {
	for qos := range byte(3) {
		topic := t.Topic(string('0' + qos))
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(topic, qos)
		const many = 100
		for i := range many {
			pub.SendPublish(suite.Message(topic, fmt.Sprint(i), qos))
			if qos == 2 {
				pub.ExpectAck(packet.TypePubrec, uint16(i+1))
				pub.Ack(packet.TypePubrel, uint16(i+1))
				pub.ExpectAck(packet.TypePubcomp, uint16(i+1))
			}
		}
		next := 0
		for next < many {
			switch got := sub.Packet(); got.Type {
			case packet.TypePublish:
				if string(got.Publish.Payload) != fmt.Sprint(next) {
					t.Fatalf("QoS %d: %s instead of %d", qos, got.Publish.Payload, next)
				}
				next++
				switch qos {
				case 1:
					sub.Ack(packet.TypePuback, got.Publish.PacketID)
				case 2:
					sub.Ack(packet.TypePubrec, got.Publish.PacketID)
				}
			case packet.TypePubrel:
				sub.Ack(packet.TypePubcomp, got.Ack.PacketID)
			default:
				t.Fatalf("%v", got.Type)
			}
		}
	}
}

// OrderedRules checks that, besides, PUBRELs come in the order of the PUBRECs, and what is sent again in the order it was sent.
func OrderedRules(t *suite.T) {
	t.Sub("in order", Ordered)
	t.Sub("again in order", ResentInOrder)
	t.Sub("PUBREL", func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(topic, 2)
		var ids []uint16
		for i := range 10 {
			pub.Say(topic, fmt.Sprint(i), 2)
			ids = append(ids, sub.ExpectMessage(topic, fmt.Sprint(i)).PacketID)
		}
		for _, id := range slices.Backward(ids) {
			sub.Ack(packet.TypePubrec, id)
		}
		for _, id := range slices.Backward(ids) {
			sub.ExpectAck(packet.TypePubrel, id)
		}
	})
}
