package check

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// forget removes retained messages, so that a test leaves none.
func forget(t *suite.T, topics ...string) {
	t.Helper()
	p := t.Client("forget")
	for _, topic := range topics {
		p.Publish(suite.Retained(topic, "", 1))
	}
}

// DupOnRedelivery checks that a message that is delivered again has DUP set, and only then.
func DupOnRedelivery(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 2)
	for _, qos := range []byte{1, 2} {
		pub.Say(topic, "x", qos)
		if sub.ExpectMessage(topic, "x").Dup {
			t.Errorf("QoS %d: DUP is set the first time", qos)
		}
		sub.Close()
		sub = t.Keep("sub")
		if !sub.Take(topic, "x").Dup {
			t.Errorf("QoS %d: DUP is not set the second time", qos)
		}
		sub.Quiet() // the broker has read the acknowledgement
	}
}

// NoDupAtQoS0 checks that DUP is 0 at QoS 0, whatever the message had that came in.
func NoDupAtQoS0(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 0)
	for qos := range byte(3) {
		m := suite.Message(topic, "x", qos)
		m.Dup = qos > 0
		pub.Publish(m)
		if got := sub.Expect(packet.TypePublish); got.Raw[0] != 0x30 {
			t.Errorf("QoS %d in: first byte 0x%02x out", qos, got.Raw[0])
		}
	}
}

// DupNotPassedOn checks that DUP of a message that comes in says nothing about the one that goes out.
func DupNotPassedOn(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	for _, qos := range []byte{1, 2} {
		m := suite.Message(topic, "x", qos)
		m.Dup = true
		pub.Publish(m)
		if sub.Take(topic, "x").Dup {
			t.Errorf("QoS %d: DUP is passed on", qos)
		}
	}
}

// QoS3 checks that a PUBLISH with both QoS bits ends the connection and is not delivered.
func QoS3(t *suite.T) {
	topic := t.Topic("a")
	sub := t.Client("sub")
	sub.Join(topic, 1)
	for _, first := range []byte{0x36, 0x37, 0x3E} {
		p := t.Client("bad")
		p.Send(suite.Raw(first, suite.Str(topic), suite.U16(1), t.Props(), []byte("x")))
		p.End(packet.MalformedPacket)
	}
	t.Client("pub").Say(topic, "marker", 1)
	sub.Take(topic, "marker")
}

// RetainStores checks that a message with RETAIN is stored, with its QoS, for later subscribers, in place of the one before.
func RetainStores(t *suite.T) {
	pub := t.Client("pub")
	for qos := range byte(3) {
		topic := t.Topic("a" + string('0'+qos))
		pub.Publish(suite.Retained(topic, "first", qos))
		pub.Publish(suite.Retained(topic, "second", qos))
		sub := t.Client("sub")
		sub.Join(topic, 2)
		if got := sub.Take(topic, "second"); got.QoS != qos || !got.Retain {
			t.Errorf("stored at QoS %d and delivered at %d, RETAIN %v", qos, got.QoS, got.Retain)
		}
		sub.Quiet()
		forget(t, topic)
	}
}

// RetainedSent checks that a new subscription gets the last retained message of each topic that it matches.
func RetainedSent(t *suite.T) {
	pub, sub := t.Client("pub"), t.Client("sub")
	for _, name := range []string{"a/1", "a/2", "a/3/4", "b"} {
		pub.Publish(suite.Retained(t.Topic(name), "old", 1))
		pub.Publish(suite.Retained(t.Topic(name), name, 1))
	}
	sub.Join(t.Topic("a/#"), 1)
	pub.Say(t.Topic("a/end"), "end", 1)
	if got, want := sub.Texts("end"), []string{"a/1", "a/2", "a/3/4"}; !slices.Equal(got, want) {
		t.Errorf("retained messages %q, want %q", got, want)
	}
	forget(t, t.Topic("a/1"), t.Topic("a/2"), t.Topic("a/3/4"), t.Topic("b"))
}

// RetainQoS0Replaces checks that a QoS 0 message with RETAIN takes the place of what was retained, or leaves nothing.
func RetainQoS0Replaces(t *suite.T) {
	topic := t.Topic("a")
	pub, sub := t.Client("pub"), t.Client("sub")
	pub.Publish(suite.Retained(topic, "old", 2))
	pub.Publish(suite.Retained(topic, "new", 0))
	sub.Join(topic, 2)
	pub.Say(topic, "end", 1)
	if got := sub.Texts("end"); len(got) > 1 || len(got) == 1 && got[0] != "new" {
		t.Errorf("retained: %q", got)
	}
	forget(t, topic)
}

// RetainSetForNew checks that what a new subscription gets of the retained messages has RETAIN set.
func RetainSetForNew(t *suite.T) {
	topic := t.Topic("a")
	pub := t.Client("pub")
	pub.Publish(suite.Retained(topic, "x", 1))
	for qos := range byte(2) {
		sub := t.Client("sub")
		sub.Join(topic, qos)
		if !sub.Take(topic, "x").Retain {
			t.Errorf("QoS %d: RETAIN is not set", qos)
		}
	}
	forget(t, topic)
}

// RetainClearForOld checks that an established subscription gets messages without RETAIN, whatever they had.
func RetainClearForOld(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 2)
	for qos := range byte(3) {
		pub.Publish(suite.Retained(topic, "x", qos))
		if sub.Take(topic, "x").Retain {
			t.Errorf("QoS %d: RETAIN is set", qos)
		}
	}
	forget(t, topic)
}

// EmptyRetainedRemoves checks that an empty message with RETAIN is delivered as any other and removes what was retained.
func EmptyRetainedRemoves(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	pub.Publish(suite.Retained(topic, "kept", 1))
	sub.Join(topic, 1)
	sub.Take(topic, "kept")
	pub.Publish(suite.Retained(topic, "", 1))
	if got := sub.Take(topic, ""); got.Retain {
		t.Error("RETAIN is set")
	}
	late := t.Client("late")
	late.Join(topic, 1)
	late.Quiet()
}

// EmptyNotRetained checks that an empty message is not stored as a retained one.
func EmptyNotRetained(t *suite.T) {
	pub, sub := t.Client("pub"), t.Client("sub")
	for qos := range byte(3) {
		topic := t.Topic("a" + string('0'+qos))
		pub.Publish(suite.Retained(topic, "", qos))
		sub.Join(topic, 2)
		sub.Quiet()
	}
}

// NoRetainStoresNothing checks that a message without RETAIN is not stored and leaves alone what is.
func NoRetainStoresNothing(t *suite.T) {
	pub, sub := t.Client("pub"), t.Client("sub")
	kept, none := t.Topic("kept"), t.Topic("none")
	pub.Publish(suite.Retained(kept, "kept", 1))
	pub.Say(kept, "passing", 1)
	pub.Say(kept, "", 1)
	pub.Say(none, "passing", 1)
	sub.Join(none, 1)
	sub.Quiet()
	sub.Join(kept, 1)
	sub.Take(kept, "kept")
	forget(t, kept)
}

// TopicFirst checks that a PUBLISH begins with a topic name, which is UTF-8.
func TopicFirst(t *suite.T) {
	ends(t, map[string][]byte{
		"nothing":        {0x30, 0},
		"half a length":  {0x30, 1, 0},
		"cut":            {0x30, 4, 0, 5, 'a', 'b'},
		"only a payload": {0x30, 3, 0xFF, 0xFF, 'x'},
		"not UTF-8":      suite.Raw(0x30, suite.Str("\xff\xfe"), t.Props(), []byte("x")),
	}, packet.MalformedPacket, packet.TopicNameInvalid, packet.ProtocolError)
}

// NoWildcardsInName checks that a topic name with a wildcard ends the connection, or is refused, and is delivered to nobody.
func NoWildcardsInName(t *suite.T) {
	sub := t.Client("sub")
	sub.Join(t.Topic("#"), 1)
	for _, name := range []string{"#", "+", "a/#", "a/+", "+/a", "a+", "a#b"} {
		for qos := range byte(2) {
			p := t.Client("bad")
			p.SendPublish(suite.Message(t.Topic(name), "x", qos))
			if qos == 0 || !t.V5() {
				p.End(packet.TopicNameInvalid, packet.MalformedPacket, packet.ProtocolError)
				continue
			}
			if got := p.Packet(); got.Type == packet.TypePuback && got.Ack.Reason != packet.TopicNameInvalid ||
				got.Type == packet.TypeDisconnect && got.Disconnect.Reason != packet.TopicNameInvalid && got.Disconnect.Reason != packet.MalformedPacket && got.Disconnect.Reason != packet.ProtocolError {
				t.Errorf("%s at QoS 1: %v", name, got.Type)
			}
		}
	}
	t.Client("pub").Say(t.Topic("m"), "marker", 1)
	sub.Take(t.Topic("m"), "marker")
}

// NameMatches checks that what a client gets matches its filter, and comes with the name that it was published with.
func NameMatches(t *suite.T) {
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(t.Topic("a/+/c"), 1)
	for _, name := range []string{"a/b/c", "a/b", "a/b/c/d", "b/b/c", "a//c", "A/b/c", "a/b/c/", "/a/b/c"} {
		pub.Say(t.Topic(name), name, 1)
	}
	sub.Take(t.Topic("a/b/c"), "a/b/c")
	sub.Take(t.Topic("a//c"), "a//c")
	sub.Quiet()
}

// Answered checks that a PUBLISH is answered as its QoS asks.
func Answered(t *suite.T) {
	p := t.Client("")
	p.SendPublish(suite.Message(t.Topic("a"), "x", 0))
	p.Quiet()
	p.ExpectAck(packet.TypePuback, p.SendPublish(suite.Message(t.Topic("a"), "x", 1)))
	p.ExpectAck(packet.TypePubrec, p.SendPublish(suite.Message(t.Topic("a"), "x", 2)))
	p.Quiet()
}

// Overlapping checks that with overlapping subscriptions a message comes at the highest QoS of those that match.
func Overlapping(t *suite.T) {
	topic := t.Topic("a/b")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Subscribe(suite.Filter(t.Topic("#"), 0), suite.Filter(t.Topic("a/+"), 2), suite.Filter(topic, 1))
	for qos := range byte(3) {
		pub.Say(topic, "x", qos)
		pub.Say(t.Topic("end"), "end", 0)
		var copies []packet.Publish
		for {
			got := sub.Expect(packet.TypePublish).Publish
			if string(got.Payload) == "end" {
				break
			}
			copies = append(copies, got)
		}
		highest := byte(0)
		for _, got := range copies {
			highest = max(highest, got.QoS)
			sub.Accept(got)
		}
		if len(copies) == 0 || highest != qos {
			t.Errorf("published at QoS %d, delivered %d times at QoS %d", qos, len(copies), highest)
		}
	}
}

// DeniedPublish checks that a PUBLISH that is not allowed is acknowledged, or the connection ends; nobody gets it.
func DeniedPublish(t *suite.T) {
	p := t.Client("")
	id := p.SendPublish(suite.Message("denied/"+t.ID(""), "x", 1))
	got, over := p.NextOrEnd()
	switch {
	case over:
		return
	case t.V5() && got.Type == packet.TypeDisconnect:
		p.Gone()
		return
	}
	if got.Type != packet.TypePuback || got.Ack.PacketID != id {
		t.Errorf("%v of %d instead of PUBACK of %d", got.Type, got.Ack.PacketID, id)
	}
	if t.V5() && got.Ack.Reason != packet.NotAuthorized {
		t.Errorf("PUBACK: %v", got.Ack.Reason)
	}
}
