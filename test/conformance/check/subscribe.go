package check

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// Suback checks that a SUBSCRIBE is answered by SUBACK with its packet identifier.
func Suback(t *suite.T) {
	p := t.Client("")
	for _, id := range []uint16{1, 0x0203, 0xFFFF} {
		s := packet.Subscribe{PacketID: id, Filters: []packet.Filter{suite.Filter(t.Topic("a"), 1)}}
		p.Send(s.Append(nil, t.Version))
		if got := p.Expect(packet.TypeSuback).Suback.PacketID; got != id {
			t.Errorf("SUBACK of %d, not %d", got, id)
		}
	}
}

// FilterUTF8 checks that a filter of a SUBSCRIBE is UTF-8.
func FilterUTF8(t *suite.T) {
	packets := map[string][]byte{}
	for name, text := range illFormed {
		packets[name] = suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(text), []byte{0})
	}
	ends(t, packets, packet.MalformedPacket, packet.ProtocolError, packet.TopicFilterInvalid)
}

// UnsubscribeUTF8 checks that a filter of an UNSUBSCRIBE is UTF-8 and whole.
func UnsubscribeUTF8(t *suite.T) {
	packets := map[string][]byte{"cut": suite.Raw(0xA2, suite.U16(1), t.Props(), []byte{0, 5, 'a'})}
	for name, text := range illFormed {
		packets[name] = suite.Raw(0xA2, suite.U16(1), t.Props(), suite.Str(text))
	}
	ends(t, packets, packet.MalformedPacket, packet.ProtocolError, packet.TopicFilterInvalid)
}

// NoFilter checks that a SUBSCRIBE has a filter at least, with its options.
func NoFilter(t *suite.T) {
	ends(t, map[string][]byte{
		"none":                suite.Raw(0x82, suite.U16(1), t.Props()),
		"without options":     suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(t.Topic("a"))),
		"the last without":    suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(t.Topic("a")), []byte{0}, suite.Str(t.Topic("b"))),
		"not even identifier": {0x82, 0},
	}, packet.MalformedPacket, packet.ProtocolError)
}

// NoFilterToRemove checks that an UNSUBSCRIBE has a filter at least.
func NoFilterToRemove(t *suite.T) {
	ends(t, map[string][]byte{"none": suite.Raw(0xA2, suite.U16(1), t.Props()), "not even identifier": {0xA2, 0}},
		packet.MalformedPacket, packet.ProtocolError)
}

// Options checks that reserved bits and QoS 3 in the options of a filter end the connection.
func Options(t *suite.T) {
	packets := map[string][]byte{}
	bad := map[string]byte{"QoS 3": 3, "bit 7": 0x80, "bit 6": 0x40}
	if !t.V5() {
		bad["bit 5"], bad["bit 4"], bad["bit 3"], bad["bit 2"] = 0x20, 0x10, 0x08, 0x04
	}
	for name, options := range bad {
		packets[name] = suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(t.Topic("a")), []byte{options})
	}
	ends(t, packets, packet.MalformedPacket, packet.ProtocolError)
}

// Replaced checks that a subscription to a filter that there is takes its place: one copy comes, at the new QoS.
func Replaced(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	for _, qos := range []byte{2, 0, 1} {
		sub.Join(topic, qos)
		pub.Say(topic, "x", 2)
		if got := sub.Take(topic, "x"); got.QoS != qos {
			t.Errorf("QoS %d after a subscription at %d", got.QoS, qos)
		}
		sub.Quiet()
	}
}

// ReplacedSendsRetained checks that a subscription that takes another's place gets the retained messages again, and nothing that is
// published meanwhile is lost.
func ReplacedSendsRetained(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	pub.Publish(suite.Retained(t.Topic("kept"), "kept", 1))
	sub.Join(t.Topic("#"), 1)
	sub.Take(t.Topic("kept"), "kept")
	const many = 50
	for i := range many { // publisher and subscriber do not wait for each other
		pub.SendPublish(suite.Message(topic, string(rune('A'+i)), 1))
		if i%5 == 0 {
			s := packet.Subscribe{PacketID: 100, Filters: []packet.Filter{suite.Filter(t.Topic("#"), 1)}}
			sub.Send(s.Append(nil, t.Version))
		}
	}
	kept, next := 0, 0
	for kept < many/5 || next < many {
		got := sub.Packet()
		switch {
		case got.Type != packet.TypePublish:
			continue // SUBACK
		case string(got.Publish.Topic) == t.Topic("kept"):
			kept++
		case string(got.Publish.Payload) == string(rune('A'+next)):
			next++
		default:
			t.Fatalf("message %q; %d should come next", got.Publish.Payload, next)
		}
		sub.Accept(got.Publish)
	}
	forget(t, t.Topic("kept"))
}

// ManyFilters checks that a SUBSCRIBE with several filters does what several would, with one answer.
func ManyFilters(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	codes := sub.Subscribe(suite.Filter(t.Topic("a"), 2), suite.Filter(t.Topic("b"), 1), suite.Filter(t.Topic("a"), 0), suite.Filter(t.Topic("c"), 0))
	if want := []packet.ReasonCode{2, 1, 0, 0}; !slices.Equal(codes, want) {
		t.Errorf("SUBACK %v, want %v", codes, want)
	}
	for _, name := range []string{"a", "b", "c"} { // the later subscription to a has replaced the first
		pub.Say(t.Topic(name), name, 2)
		if got, want := sub.Take(t.Topic(name), name).QoS, map[string]byte{"b": 1}[name]; got != want {
			t.Errorf("%s at QoS %d, want %d", name, got, want)
		}
	}
	sub.Quiet()
}

// CodePerFilter checks that SUBACK has a code for each filter: the QoS granted, or a failure.
func CodePerFilter(t *suite.T) {
	p := t.Client("")
	var filters []packet.Filter
	for i := range 30 {
		filters = append(filters, suite.Filter(t.Topic(string(rune('a'+i))), byte(i%3)))
	}
	for i, code := range p.Subscribe(filters...) {
		if code != packet.ReasonCode(i%3) {
			t.Errorf("filter %d: 0x%02x", i, byte(code))
		}
	}
}

// CodesInOrder checks that SUBACK's codes are in the order of the filters, failures among them.
func CodesInOrder(t *suite.T) {
	p := t.Client("")
	for _, order := range [][]byte{{0, 1, 2}, {2, 1, 0}, {1, 0, 2, 2, 0}} {
		var filters []packet.Filter
		for i, qos := range order {
			filters = append(filters, suite.Filter(t.Topic(string(rune('a'+i))), qos))
		}
		for i, code := range p.Subscribe(filters...) {
			if byte(code) != order[i] {
				t.Errorf("%v: code %d is 0x%02x", order, i, byte(code))
			}
		}
	}
}

// CodesKnown checks that SUBACK has no codes but those that there are; the strict reader of the suite refuses others.
func CodesKnown(t *suite.T) {
	p := t.Client("")
	allowed := []packet.ReasonCode{0, 1, 2, 0x80}
	if t.V5() {
		allowed = append(allowed, packet.ImplementationSpecificError, packet.NotAuthorized, packet.TopicFilterInvalid, packet.PacketIdentifierInUse,
			packet.QuotaExceeded, packet.SharedSubscriptionsNotSupported, packet.SubscriptionIdentifiersNotSupported, packet.WildcardSubscriptionsNotSupported)
	}
	for _, filter := range []string{t.Topic("a"), "#", "+", "$SYS/#", "denied/x", "$share/g/" + t.Topic("a"), "/"} {
		for _, code := range p.Subscribe(suite.Filter(filter, 2)) {
			if !slices.Contains(allowed, code) {
				t.Errorf("%s: code 0x%02x", filter, byte(code))
			}
		}
		p.Unsubscribe(filter)
	}
}

// QoSIsMinimum checks that a message comes at the lower of the QoS it was published with and the one granted.
func QoSIsMinimum(t *suite.T) {
	pub := t.Client("pub")
	for granted := range byte(3) {
		topic := t.Topic(string('0' + granted))
		sub := t.Client("sub")
		sub.Join(topic, granted)
		for qos := range byte(3) {
			pub.Say(topic, "x", qos)
			if got := sub.Take(topic, "x").QoS; got != min(qos, granted) {
				t.Errorf("published at %d, granted %d, delivered at %d", qos, granted, got)
			}
		}
	}
}

// ExactFilterRemoved checks that an UNSUBSCRIBE removes the filter that is the same, byte for byte, and no other.
func ExactFilterRemoved(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(t.Topic("a/+"), 1)
	sub.Unsubscribe(t.Topic("a/b"), t.Topic("a/#"), t.Topic("#"), t.Topic("A/+"), t.Topic("a/+/"), t.Topic("a/"))
	pub.Say(t.Topic("a/b"), "one", 1)
	sub.Take(t.Topic("a/b"), "one")
	sub.Unsubscribe(t.Topic("a/+"))
	pub.Say(t.Topic("a/b"), "two", 1)
	sub.Quiet()
}

// Unsubscribed checks that after UNSUBACK nothing new is sent for the filter.
func Unsubscribed(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	for qos := range byte(3) {
		sub.Join(topic, qos)
		pub.Say(topic, "before", 2)
		sub.Take(topic, "before")
		sub.Unsubscribe(topic)
		pub.Say(topic, "after", 2)
		sub.Quiet()
	}
}

// StartedIsCompleted checks that messages that have been sent are completed after UNSUBSCRIBE, across connections too.
func StartedIsCompleted(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 2)
	pub.Say(topic, "one", 1)
	pub.Say(topic, "two", 2)
	sub.ExpectMessage(topic, "one")
	two := sub.ExpectMessage(topic, "two")
	sub.Unsubscribe(topic)
	sub.Ack(packet.TypePubrec, two.PacketID)
	sub.ExpectAck(packet.TypePubrel, two.PacketID)
	sub.Close()
	sub = t.Keep("sub")
	var one, rel bool
	for !one || !rel {
		switch got := sub.Packet(); {
		case got.Type == packet.TypePublish && string(got.Publish.Payload) == "one" && got.Publish.Dup:
			one = true
			sub.Accept(got.Publish)
		case got.Type == packet.TypePubrel && got.Ack.PacketID == two.PacketID:
			rel = true
			sub.Ack(packet.TypePubcomp, two.PacketID)
		default:
			t.Fatalf("%v %q", got.Type, got.Publish.Payload)
		}
	}
	sub.Quiet()
}

// Unsuback checks that an UNSUBSCRIBE is answered by UNSUBACK with its packet identifier.
func Unsuback(t *suite.T) {
	p := t.Client("")
	p.Join(t.Topic("a"), 0)
	for _, id := range []uint16{1, 0x0203, 0xFFFF} {
		u := packet.Unsubscribe{PacketID: id, Filters: []string{t.Topic("a")}}
		p.Send(u.Append(nil, t.Version))
		got := p.Expect(packet.TypeUnsuback)
		if got.Unsuback.PacketID != id {
			t.Errorf("UNSUBACK of %d, not %d", got.Unsuback.PacketID, id)
		}
		if !t.V5() && len(got.Raw) != 4 {
			t.Errorf("UNSUBACK is % x", got.Raw)
		}
	}
}

// UnsubackForNothing checks that an UNSUBSCRIBE that removes nothing is answered all the same.
func UnsubackForNothing(t *suite.T) {
	p := t.Client("")
	p.Unsubscribe(t.Topic("never/subscribed"))
	p.Quiet()
}

// ManyFiltersRemoved checks that an UNSUBSCRIBE with several filters does what several would, with one answer.
func ManyFiltersRemoved(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Subscribe(suite.Filter(t.Topic("a"), 1), suite.Filter(t.Topic("b"), 1), suite.Filter(t.Topic("c"), 1))
	sub.Unsubscribe(t.Topic("a"), t.Topic("none"), t.Topic("c"), t.Topic("a"))
	sub.Quiet() // one answer
	for _, name := range []string{"a", "b", "c"} {
		pub.Say(t.Topic(name), name, 1)
	}
	sub.Take(t.Topic("b"), "b")
	sub.Quiet()
}

// NoWildcards checks that a broker without wildcard subscriptions refuses filters that have some.
func NoWildcards(t *suite.T) {
	t = t.Limited()
	p, pub := t.Client("sub"), t.Client("pub")
	for _, filter := range []string{t.Topic("#"), t.Topic("+"), t.Topic("+/a")} {
		if code := p.Subscribe(suite.Filter(filter, 1))[0]; !code.Failed() { // then it has them
			pub.Say(t.Topic("a"), "x", 1)
			p.Take(t.Topic("a"), "x")
			p.Unsubscribe(filter)
			t.Skip("this broker has wildcard subscriptions")
		} else if t.V5() && code != packet.WildcardSubscriptionsNotSupported || !t.V5() && code != 0x80 {
			t.Errorf("%s: 0x%02x", filter, byte(code))
		}
	}
	p.Join(t.Topic("a"), 1)
}
