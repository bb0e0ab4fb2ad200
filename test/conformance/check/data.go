package check

import (
	"maps"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// illFormed are strings that are not UTF-8: they are what the names say.
var illFormed = map[string]string{
	"no lead byte": "a\x80b", "cut": "a\xe2\x82", "overlong": "a\xc0\xafb", "surrogate": "a\xed\xa0\x80b",
	"surrogate pair": "a\xed\xa0\xbd\xed\xb8\x80", "above U+10FFFF": "a\xf4\x90\x80\x80", "0xFF": "a\xffb",
}

// connectWith is the body of a CONNECT with flags and payload as given, of the test's version.
func connectWith(t *suite.T, flags byte, payload ...[]byte) []byte {
	head := append(suite.Str("MQTT"), byte(t.Version), flags, 0, 60)
	return suite.Raw(0x10, append([][]byte{head, t.Props()}, payload...)...)
}

// refusedConnect sends a CONNECT that is malformed or breaks the protocol: there is no CONNACK, but for MQTT 5's with a
// reason code of failure.
func refusedConnect(t *suite.T, raw []byte, reasons ...packet.ReasonCode) {
	p := t.Dial()
	p.Send(raw)
	p.Refused(reasons...)
}

// ends sends each of some packets on a connection of its own, which must end, in MQTT 5 for one of the reasons.
func ends(t *suite.T, packets map[string][]byte, reasons ...packet.ReasonCode) {
	for _, name := range slices.Sorted(maps.Keys(packets)) {
		t.Sub(name, func(t *suite.T) {
			p := t.Client("")
			p.Send(packets[name])
			p.End(reasons...)
		})
	}
}

// WellFormed checks that a string that is not UTF-8 ends the connection, wherever it stands.
func WellFormed(t *suite.T) { badStrings(t, illFormed) }

// NoNull checks that U+0000 in a string ends the connection, wherever it stands.
func NoNull(t *suite.T) { badStrings(t, map[string]string{"null": "a\x00b"}) }

func badStrings(t *suite.T, texts map[string]string) {
	for name, text := range texts {
		bad := suite.Str(text)
		connects := map[string][]byte{
			"client identifier": connectWith(t, 0x02, bad),
			"will topic":        connectWith(t, 0x06, suite.Str(t.ID("w")), t.Props(), bad, suite.Str("x")),
			"user name":         connectWith(t, 0x82, suite.Str(t.ID("u")), bad),
		}
		for where, raw := range connects {
			t.Sub(name+" in "+where, func(t *suite.T) {
				refusedConnect(t, raw, packet.MalformedPacket, packet.ProtocolError, packet.ClientIdentifierNotValid,
					packet.TopicNameInvalid, packet.BadUserNameOrPassword, packet.UnspecifiedError)
			})
		}
		ends(t, map[string][]byte{
			name + " in PUBLISH":     suite.Raw(0x30, bad, t.Props(), []byte("x")),
			name + " in SUBSCRIBE":   suite.Raw(0x82, suite.U16(1), t.Props(), bad, []byte{0}),
			name + " in UNSUBSCRIBE": suite.Raw(0xA2, suite.U16(1), t.Props(), bad),
		}, packet.MalformedPacket, packet.ProtocolError, packet.TopicNameInvalid, packet.TopicFilterInvalid)
	}
}

// utf8In: a string of a CONNECT that is not UTF-8 ends the connection; place makes the packet.
func utf8In(t *suite.T, raw func(bad []byte) []byte) {
	for name, text := range illFormed {
		t.Sub(name, func(t *suite.T) { refusedConnect(t, raw(suite.Str(text))) })
	}
}

// ClientIDUTF8 checks that the client identifier is UTF-8.
func ClientIDUTF8(t *suite.T) {
	utf8In(t, func(bad []byte) []byte { return connectWith(t, 0x02, bad) })
}

// WillTopicUTF8 checks that the will topic is UTF-8.
func WillTopicUTF8(t *suite.T) {
	utf8In(t, func(bad []byte) []byte {
		return connectWith(t, 0x06, suite.Str(t.ID("")), t.Props(), bad, suite.Str("x"))
	})
}

// UsernameUTF8 checks that the user name is UTF-8.
func UsernameUTF8(t *suite.T) {
	utf8In(t, func(bad []byte) []byte { return connectWith(t, 0x82, suite.Str(t.ID("")), bad) })
}

// ByteOrderMark checks that U+FEFF is a character like any other and is not stripped, in topics and client identifiers.
func ByteOrderMark(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	with, without := t.Topic("\ufeffx"), t.Topic("x")
	sub.Join(with, 1)
	pub.Say(without, "without", 1)
	pub.Say(with, "with", 1)
	sub.Take(with, "with")
	sub.Quiet()
	marked := t.Connect(packet.Connect{ClientID: "\ufeff" + t.ID("pub"), CleanStart: true})
	pub.Quiet() // else it has been taken over
	marked.Quiet()
}

// FlagsSent checks that the reserved flags of what a broker sends are as the table has them.
func FlagsSent(t *suite.T) {
	want := map[packet.Type]byte{
		packet.TypeConnack: 0x20, packet.TypePuback: 0x40, packet.TypePubrec: 0x50, packet.TypePubrel: 0x62, packet.TypePubcomp: 0x70,
		packet.TypeSuback: 0x90, packet.TypeUnsuback: 0xB0, packet.TypePingresp: 0xD0,
	}
	c := t.Dial()
	topic := t.Topic("a")
	hello := t.Hello("", true)
	hello.Version = t.Version
	sub := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{suite.Filter(topic, 2)}}
	unsub := packet.Unsubscribe{PacketID: 2, Filters: []string{"other"}}
	one, two := suite.Message(t.Topic("b"), "x", 1), suite.Message(topic, "x", 2)
	one.PacketID, two.PacketID = 3, 4
	send := hello.Append(nil)
	send = sub.Append(send, t.Version)
	send = unsub.Append(send, t.Version)
	send = one.Append(send, t.Version)
	send = two.Append(send, t.Version)
	c.Send(send)
	check := func() packet.Type {
		got := c.Packet()
		if got.Type == packet.TypePublish {
			c.Ack(packet.TypePubrec, got.Publish.PacketID)
		} else if got.Raw[0] != want[got.Type] {
			t.Errorf("first byte 0x%02x of %v, want 0x%02x", got.Raw[0], got.Type, want[got.Type])
		}
		if got.Type == packet.TypePubrec {
			c.Ack(packet.TypePubrel, 4)
		}
		delete(want, got.Type)
		return got.Type
	}
	for len(want) > 1 {
		check()
	}
	c.Send([]byte{0xC0, 0})
	for check() != packet.TypePingresp {
	}
}

// FlagsReceived checks that reserved flags with another value end the connection.
func FlagsReceived(t *suite.T) {
	t.Sub("CONNECT", func(t *suite.T) {
		raw := connectWith(t, 0x02, suite.Str(t.ID("")))
		raw[0] |= 0x01
		refusedConnect(t, raw, packet.MalformedPacket)
	})
	ends(t, map[string][]byte{
		"PUBACK": {0x41, 2, 0, 1}, "PUBREC": {0x52, 2, 0, 1}, "PUBREL": {0x60, 2, 0, 1}, "PUBCOMP": {0x78, 2, 0, 1},
		"SUBSCRIBE":   suite.Raw(0x80, suite.U16(1), t.Props(), suite.Str(t.Topic("a")), []byte{0}),
		"UNSUBSCRIBE": suite.Raw(0xA0, suite.U16(1), t.Props(), suite.Str(t.Topic("a"))),
		"PINGREQ":     {0xC1, 0}, "DISCONNECT": {0xE1, 0},
	}, packet.MalformedPacket)
}

// PubrelFlags checks that the flags of PUBREL are 0010.
func PubrelFlags(t *suite.T) {
	for _, first := range []byte{0x60, 0x61, 0x63, 0x64, 0x6A, 0x6F} {
		p := t.Client("")
		m := suite.Message(t.Topic("a"), "x", 2)
		p.ExpectAck(packet.TypePubrec, p.SendPublish(m))
		p.Send([]byte{first, 2, 0, 1})
		p.End(packet.MalformedPacket)
	}
}

// SubscribeFlags checks that the flags of SUBSCRIBE are 0010.
func SubscribeFlags(t *suite.T) {
	for _, first := range []byte{0x80, 0x81, 0x83, 0x84, 0x8A, 0x8F} {
		p := t.Client("")
		p.Send(suite.Raw(first, suite.U16(1), t.Props(), suite.Str(t.Topic("a")), []byte{0}))
		p.End(packet.MalformedPacket)
	}
}

// UnsubscribeFlags checks that the flags of UNSUBSCRIBE are 0010.
func UnsubscribeFlags(t *suite.T) {
	for _, first := range []byte{0xA0, 0xA1, 0xA3, 0xA4, 0xAA, 0xAF} {
		p := t.Client("")
		p.Send(suite.Raw(first, suite.U16(1), t.Props(), suite.Str(t.Topic("a"))))
		p.End(packet.MalformedPacket)
	}
}

// DisconnectFlags checks that the flags of DISCONNECT are 0, and with others it is no DISCONNECT: the will is published.
func DisconnectFlags(t *suite.T) {
	watch := t.Client("watch")
	watch.Join(t.Topic("will"), 1)
	for _, first := range []byte{0xE1, 0xE2, 0xE4, 0xE8} {
		hello := t.Hello("", true)
		hello.Will = &packet.Will{Topic: t.Topic("will"), Payload: []byte("w")}
		p := t.Connect(hello)
		p.Send([]byte{first, 0})
		p.End(packet.MalformedPacket)
		watch.Take(t.Topic("will"), "w")
	}
}

// PacketIDZero checks that a packet identifier of 0 where there must be one ends the connection.
func PacketIDZero(t *suite.T) {
	topic := suite.Str(t.Topic("a"))
	ends(t, map[string][]byte{
		"SUBSCRIBE":     suite.Raw(0x82, suite.U16(0), t.Props(), topic, []byte{0}),
		"UNSUBSCRIBE":   suite.Raw(0xA2, suite.U16(0), t.Props(), topic),
		"PUBLISH QoS 1": suite.Raw(0x32, topic, suite.U16(0), t.Props(), []byte("x")),
		"PUBLISH QoS 2": suite.Raw(0x34, topic, suite.U16(0), t.Props(), []byte("x")),
	}, packet.ProtocolError, packet.MalformedPacket)
}

// ServerPacketIDs checks that the broker's PUBLISHes that wait for an acknowledgement have different packet identifiers, not 0.
func ServerPacketIDs(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(t.Topic("1"), 1)
	sub.Join(t.Topic("2"), 2)
	used := map[uint16]bool{}
	for range 8 {
		for qos, topic := range map[byte]string{1: t.Topic("1"), 2: t.Topic("2")} {
			pub.Say(topic, "x", qos)
			id := sub.ExpectMessage(topic, "x").PacketID
			if id == 0 || used[id] {
				t.Errorf("packet identifier %d is 0 or in use", id)
			}
			used[id] = true
		}
	}
}

// NoPacketIDAtQoS0 checks that a PUBLISH at QoS 0 has no packet identifier, in either direction.
func NoPacketIDAtQoS0(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	topic := t.Topic("a")
	sub.Join(topic, 0)
	want := suite.Raw(0x30, suite.Str(topic), t.Props(), []byte("\x00\x07text"))
	pub.Send(want)
	pub.Quiet()
	if got := sub.Expect(packet.TypePublish); string(got.Raw) != string(want) {
		t.Errorf("sent on as % x, want % x", got.Raw, want)
	}
	pub.Say(topic, "one", 1)
	if got := sub.Expect(packet.TypePublish).Raw; string(got) != string(suite.Raw(0x30, suite.Str(topic), t.Props(), []byte("one"))) {
		t.Errorf("a QoS 1 message goes out at QoS 0 as % x", got)
	}
}

// AckIDs checks that PUBACK, PUBREC, PUBREL and PUBCOMP have the PUBLISH's packet identifier.
func AckIDs(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(t.Topic("#"), 2)
	for _, id := range []uint16{1, 2, 0x100, 0x1234, 0xFFFF} {
		m := suite.Message(t.Topic("1"), "x", 1)
		m.PacketID = id
		pub.SendPublish(m)
		pub.ExpectAck(packet.TypePuback, id)
		m = suite.Message(t.Topic("2"), "x", 2)
		m.PacketID = id
		pub.SendPublish(m)
		pub.ExpectAck(packet.TypePubrec, id)
		pub.Ack(packet.TypePubrel, id)
		pub.ExpectAck(packet.TypePubcomp, id)
		sub.Take(t.Topic("1"), "x")
		sub.Take(t.Topic("2"), "x") // it looks for PUBREL with the same identifier
	}
}

// SubackIDs checks that SUBACK and UNSUBACK have the request's packet identifier.
func SubackIDs(t *suite.T) {
	p := t.Client("")
	for _, id := range []uint16{1, 0x100, 0x1234, 0xFFFF} {
		p.SubscribeWith(packet.Subscribe{PacketID: id, Filters: []packet.Filter{suite.Filter(t.Topic("a"), 1)}})
		u := packet.Unsubscribe{PacketID: id, Filters: []string{t.Topic("a")}}
		p.Send(u.Append(nil, t.Version))
		if got := p.Expect(packet.TypeUnsuback).Unsuback.PacketID; got != id {
			t.Errorf("UNSUBACK of %d, not %d", got, id)
		}
	}
}
