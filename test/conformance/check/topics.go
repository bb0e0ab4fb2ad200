package check

import (
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// badFilters subscribes to filters that are not well-formed: each is refused by SUBACK, or ends the connection.
func badFilters(t *suite.T, filters ...string) {
	t.Helper()
	for _, filter := range filters {
		p := t.Client("")
		s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{suite.Filter(filter, 0)}}
		p.Send(s.Append(nil, t.Version))
		refusedFilter(t, p, filter)
	}
}

// refusedFilter looks at the answer to a SUBSCRIBE of one filter that is not well-formed. Before MQTT 5 it may be the end of
// the connection without a word, which Closed tells from SUBACK.
func refusedFilter(t *suite.T, p *suite.Peer, filter string) {
	t.Helper()
	got, over := p.NextOrEnd()
	switch {
	case over:
	case got.Type == packet.TypeSuback && t.V5() && (got.Suback.Reasons[0] == packet.TopicFilterInvalid || got.Suback.Reasons[0] == packet.UnspecifiedError):
	case got.Type == packet.TypeSuback && !t.V5() && got.Suback.Reasons[0] == 0x80:
	case got.Type == packet.TypeDisconnect && t.V5() && slices.Contains([]packet.ReasonCode{
		packet.TopicFilterInvalid, packet.MalformedPacket, packet.ProtocolError, packet.SharedSubscriptionsNotSupported}, got.Disconnect.Reason):
		p.Gone()
	default:
		t.Errorf("%.40q: %v %v", filter, got.Type, got.Suback.Reasons)
	}
}

// MultiLevel checks that # stands alone or after a separator, and is the last.
func MultiLevel(t *suite.T) {
	badFilters(t, "#/a", "a#", "a/#/b", "##", "a/b#", "#a", "a/##", "+#")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(t.Topic("a/#"), 1)
	for _, name := range []string{"a", "a/", "a/b", "a/b/c", "ab", "b/a"} {
		pub.Say(t.Topic(name), name, 1)
	}
	for _, name := range []string{"a", "a/", "a/b", "a/b/c"} {
		sub.Take(t.Topic(name), name)
	}
	sub.Quiet()
}

// SingleLevel checks that + fills a level, anywhere.
func SingleLevel(t *suite.T) {
	badFilters(t, "a+", "+a", "a/b+", "a/+b/c", "++", "+a/b")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join("+/"+strings.Split(t.Topic(""), "/")[1]+"/x/+", 1)
	sub.Join(t.Topic("+"), 1)
	sub.Join(t.Topic("y/+/z"), 1)
	for _, name := range []string{"x/1", "x", "x/1/2", "", "y/1/z", "y//z", "y/z", "x/"} {
		pub.Say(t.Topic(name), name, 1)
	}
	for _, name := range []string{"x/1", "x", "", "y/1/z", "y//z", "x/"} {
		sub.Take(t.Topic(name), name)
	}
	sub.Quiet()
}

// Dollar checks that a filter that begins with a wildcard does not match names that begin with $.
func Dollar(t *suite.T) {
	own := strings.Split(t.Topic(""), "/")[1]
	name := "$conformance/" + own
	plain, dollar, pub := t.Client("plain"), t.Client("dollar"), t.Client("pub")
	plain.Join("+/"+own, 1)
	plain.Join("+/"+own+"/#", 1)
	if code := dollar.Subscribe(suite.Filter("$conformance/+", 1))[0]; code != 1 {
		t.Fatalf("subscription to $conformance/+: 0x%02x", byte(code))
	}
	pub.Say(name, "x", 1)
	for {
		if got := dollar.Expect(packet.TypePublish).Publish; string(got.Topic) == name { // else another test's
			break
		}
	}
	plain.Quiet()
	all := t.Client("all")
	all.Subscribe(suite.Filter("#", 0))
	pub.Say(name, "x", 1)
	pub.Say(t.Topic("end"), "end", 1)
	for {
		switch got := all.Packet(); {
		case got.Type != packet.TypePublish:
		case string(got.Publish.Topic) == t.Topic("end"):
			return
		case got.Publish.Topic[0] == '$':
			t.Errorf("# matches %s", got.Publish.Topic)
		}
	}
}

// NotEmpty checks that topic names and filters have a character at least.
func NotEmpty(t *suite.T) {
	ends(t, map[string][]byte{"PUBLISH": suite.Raw(0x30, suite.Str(""), t.Props(), []byte("x"))},
		packet.ProtocolError, packet.TopicNameInvalid, packet.MalformedPacket)
	p := t.Client("")
	p.Send(suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(""), []byte{0}))
	refusedFilter(t, p, "")
	p = t.Client("")
	p.Send(suite.Raw(0xA2, suite.U16(1), t.Props(), suite.Str("")))
	if got, over := p.NextOrEnd(); !over && (got.Type != packet.TypeDisconnect || !got.Disconnect.Reason.Failed()) &&
		(got.Type != packet.TypeUnsuback || len(got.Unsuback.Reasons) != 1 || !got.Unsuback.Reasons[0].Failed()) {
		t.Errorf("an empty filter in UNSUBSCRIBE: %v %v", got.Type, got.Unsuback.Reasons)
	}
	refusedConnect(t, connectWith(t, 0x06, suite.Str(t.ID("")), t.Props(), suite.Str(""), suite.Str("x")))
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join("/", 1) // is one character
	pub.Say("/", t.ID(""), 1)
	for string(sub.Expect(packet.TypePublish).Publish.Payload) != t.ID("") {
		continue
	}
}

// NoNullInTopic checks that topic names and filters have no U+0000.
func NoNullInTopic(t *suite.T) {
	bad := suite.Str("a/\x00/b")
	ends(t, map[string][]byte{
		"PUBLISH":     suite.Raw(0x30, bad, t.Props(), []byte("x")),
		"SUBSCRIBE":   suite.Raw(0x82, suite.U16(1), t.Props(), bad, []byte{0}),
		"UNSUBSCRIBE": suite.Raw(0xA2, suite.U16(1), t.Props(), bad),
	}, packet.MalformedPacket, packet.ProtocolError, packet.TopicNameInvalid, packet.TopicFilterInvalid)
}

// Longest checks that 65,535 bytes is the most that the length of a topic can say, and they are taken whole.
func Longest(t *suite.T) {
	topic := t.Topic("")
	topic += strings.Repeat("x", 65535-len(topic))
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 1)
	pub.Say(topic, "x", 1)
	sub.Take(topic, "x")
	sub.Unsubscribe(topic)
}

// NoNormalisation checks that topics are compared as they are, byte for byte.
func NoNormalisation(t *suite.T) {
	names := []string{"a/b", "A/b", "a//b", "/a/b", "a/b/", "a/./b", "a/../a/b", " a/b", "a/%62", "caf\u00e9", "cafe\u0301", "\ufb01", "fi", "stra\u00dfe", "strasse"}
	sub, pub := t.Client("sub"), t.Client("pub")
	for _, name := range names {
		sub.Join(t.Topic(name), 1)
		for _, other := range names {
			pub.Say(t.Topic(other), other, 1)
		}
		sub.Take(t.Topic(name), name)
		sub.Quiet()
		sub.Unsubscribe(t.Topic(name))
	}
}

// Violations checks that what breaks the protocol ends the connection, and no other.
func Violations(t *suite.T) {
	other := t.Client("other")
	hello := t.Hello("second", true)
	hello.Version = t.Version
	ends(t, map[string][]byte{
		"second CONNECT": hello.Append(nil), "CONNACK": suite.Raw(0x20, []byte{0, 0}, t.Props()),
		"SUBACK": suite.Raw(0x90, suite.U16(1), t.Props(), []byte{0}), "UNSUBACK": suite.Raw(0xB0, suite.U16(1), t.Props(), t.Props()),
		"PINGRESP": {0xD0, 0}, "type 0": {0x00, 0}, "remaining length of five bytes": {0x30, 0x80, 0x80, 0x80, 0x80, 0x01},
		"QoS 3": suite.Raw(0x36, suite.Str("a"), suite.U16(1), t.Props()), "no filter": suite.Raw(0x82, suite.U16(1), t.Props()),
		"PUBACK without identifier": {0x40, 0}, "PUBACK cut": {0x40, 1, 0}, "PINGREQ with a body": {0xC0, 1, 0},
	}, packet.ProtocolError, packet.MalformedPacket)
	other.Quiet()
}

// Ping checks that PINGREQ is answered by PINGRESP.
func Ping(t *suite.T) {
	p := t.Client("")
	p.Send([]byte{0xC0, 0, 0xC0, 0, 0xC0, 0})
	for range 3 {
		if got := p.Expect(packet.TypePingresp); string(got.Raw) != "\xd0\x00" {
			t.Errorf("PINGRESP is % x", got.Raw)
		}
	}
}

// Transport checks that packets are a stream of bytes, however the network cuts it.
func Transport(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 1)
	var stream []byte
	for i := range 20 {
		m := suite.Message(topic, strings.Repeat(string(rune('a'+i)), 1+i*13), 1)
		m.PacketID = uint16(i + 1)
		stream = m.Append(stream, t.Version)
	}
	for i := 0; len(stream) > 0; i++ {
		n := min(1+i%7, len(stream))
		pub.Send(stream[:n])
		stream = stream[n:]
	}
	for i := range 20 {
		pub.ExpectAck(packet.TypePuback, uint16(i+1))
		sub.Take(topic, strings.Repeat(string(rune('a'+i)), 1+i*13))
	}
}

// NoExtensions checks that a client that has what the standard has, and no more, is served.
func NoExtensions(t *suite.T) {
	t.Sub("accepted", Accepted)
	t.Sub("delivered", QoSIsMinimum)
	t.Sub("retained", RetainStores)
}
