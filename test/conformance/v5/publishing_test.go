package v5

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// clearRetained removes a retained message at the end of a test.
func clearRetained(t *suite.T, topic string) {
	t.Helper()
	t.Client("clear").Publish(suite.Retained(topic, "", 1))
}

// retainHandling: what a subscription gets that is new, that is made again, and that is made again after it was ended.
func retainHandling(handling byte) func(*suite.T) {
	return func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		pub.Publish(suite.Retained(topic, "kept", 1))
		for i, fresh := range []bool{true, false, true} {
			if i == 2 {
				sub.Unsubscribe(topic)
			}
			sub.Subscribe(packet.Filter{Filter: topic, QoS: 1, RetainHandling: handling})
			if handling == 0 || handling == 1 && fresh {
				sub.Take(topic, "kept")
			}
			sub.Quiet()
		}
		pub.Say(topic, "live", 1)
		sub.Take(topic, "live")
		clearRetained(t, topic)
	}
}

func retainAsPublished(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Subscribe(packet.Filter{Filter: topic, QoS: 2, RetainAsPublished: true})
	for qos := range byte(3) {
		pub.Publish(suite.Retained(topic, "r", qos))
		if !sub.Take(topic, "r").Retain {
			t.Errorf("QoS %d: RETAIN is cleared", qos)
		}
		pub.Say(topic, "n", qos)
		if sub.Take(topic, "n").Retain {
			t.Errorf("QoS %d: RETAIN is set", qos)
		}
	}
	clearRetained(t, topic)
}

// forwardedAlone: a property is passed on as it is to those who are there, to those who come later as a retained
// message, and to a session that was away.
func forwardedAlone(which string) func(*suite.T) {
	return func(t *suite.T) {
		one := byte(1)
		all := map[string][]packet.PublishProperties{
			"format":      {{PayloadFormat: &one}, {PayloadFormat: new(byte)}},
			"response":    {{ResponseTopic: "answer/here"}, {ResponseTopic: "ä/\ufeff"}},
			"correlation": {{CorrelationData: []byte{0, 0xFF, 1}}, {CorrelationData: []byte{}}, {CorrelationData: bytes.Repeat([]byte("c"), 3000)}},
			"user":        {{User: pairs}},
			"content":     {{ContentType: "text/plain; charset=utf-8"}, {ContentType: "ü"}},
		}[which]
		for i := range all {
			forwarded(t, fmt.Sprint(i), &all[i])
		}
	}
}

func forwarded(t *suite.T, name string, props *packet.PublishProperties) {
	topic := t.Topic(name)
	want := packet.AppendForward(nil, props)
	on, off, pub := t.Client("on"), t.Keep("off"), t.Client("pub")
	on.Join(topic, 1)
	off.Join(topic, 1)
	off.Leave()
	m := suite.Retained(topic, "x", 1)
	m.Forward = want
	pub.Publish(m)
	late := t.Client("late")
	late.Join(topic, 1)
	for who, p := range map[string]*suite.Peer{"subscriber": on, "session": t.Keep("off"), "new subscriber": late} {
		if got := p.Take(topic, "x").Forward; !bytes.Equal(got, want) {
			t.Errorf("%s gets % x instead of % x", who, got, want)
		}
	}
	off = t.Client("off") // ends the session
	off.Leave()
	clearRetained(t, topic)
}

func userInOrder(t *suite.T) {
	var many []packet.UserProperty
	for i := range 50 {
		many = append(many, packet.UserProperty{Name: fmt.Sprint("n", (i*7)%10), Value: fmt.Sprint(i)})
	}
	forwarded(t, "many", &packet.PublishProperties{User: many})
}

// expired: neither a session that was away nor a new subscriber gets a message that has expired.
func expired(t *suite.T) {
	topic, kept := t.Topic("a"), t.Topic("kept")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 1)
	sub.Leave()
	m, r := suite.Message(topic, "expires", 1), suite.Retained(kept, "expires", 1)
	m.HasExpiry, m.Expiry, r.HasExpiry, r.Expiry = true, 1, true, 1
	pub.Publish(m)
	pub.Publish(r)
	pub.Say(topic, "stays", 1)
	t.Pass(2100 * time.Millisecond)
	sub = t.Keep("sub")
	sub.Take(topic, "stays")
	sub.Join(kept, 1)
	sub.Quiet()
}

// expiryLeft: what is delivered at once has the whole interval, what waited has less.
func expiryLeft(t *suite.T) {
	topic := t.Topic("a")
	on, off, pub := t.Client("on"), t.Keep("off"), t.Client("pub")
	on.Join(topic, 1)
	off.Join(topic, 1)
	off.Leave()
	m := suite.Retained(topic, "x", 1)
	m.HasExpiry, m.Expiry = true, 100
	pub.Publish(m)
	if got := on.Take(topic, "x"); !got.HasExpiry || got.Expiry > 100 || got.Expiry < 99 {
		t.Errorf("at once: %d", got.Expiry)
	}
	t.Pass(2100 * time.Millisecond)
	late := t.Client("late")
	late.Join(topic, 1)
	for who, p := range map[string]*suite.Peer{"session": t.Keep("off"), "new subscriber": late} {
		if got := p.Take(topic, "x"); !got.HasExpiry || got.Expiry > 98 || got.Expiry < 90 {
			t.Errorf("%s, after 2 s: %d", who, got.Expiry)
		}
	}
	clearRetained(t, topic)
}

// alias sends a message with a topic alias and a topic, which may be empty.
func alias(p *suite.Peer, topic string, n uint16, text string) {
	m := suite.Message(topic, text, 0)
	m.Alias = n
	p.SendPublish(m)
}

func aliasesEnd(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Keep("pub")
	sub.Join(topic, 0)
	alias(pub, topic, 1, "one")
	alias(pub, "", 1, "two")
	sub.Take(topic, "one")
	sub.Take(topic, "two")
	pub.Close()
	pub = t.Keep("pub")
	alias(pub, "", 1, "three")
	pub.End(packet.ProtocolError, packet.TopicAliasInvalid)
	t.Client("other").Say(topic, "marker", 0)
	sub.Take(topic, "marker")
	aliasesOutEnd(t)
}

// aliasesOutEnd: what is sent again on a new connection has its topic by name, or by an alias of that connection.
func aliasesOutEnd(t *suite.T) {
	hello := t.Hello("again", false)
	hello.Properties.TopicAliasMaximum = 10
	sub, pub := t.Connect(hello), t.Client("")
	sub.Join(t.Topic("again/+"), 1)
	names := []string{t.Topic("again/1"), t.Topic("again/1"), t.Topic("again/2"), t.Topic("again/1")}
	for _, name := range names {
		pub.Say(name, "x", 1)
	}
	for range 2 {
		known := map[uint16]string{}
		for _, name := range names { // never acknowledged
			if got := named(t, sub.Expect(packet.TypePublish).Publish, known); got != name {
				t.Fatalf("topic %q instead of %q", got, name)
			}
		}
		sub.Close()
		hello.CleanStart = false
		sub = t.Connect(hello)
	}
	sub.Leave()
}

// named is the topic of a message, which may be given by an alias that is known.
func named(t *suite.T, p packet.Publish, known map[uint16]string) string {
	topic := string(p.Topic)
	if p.Alias == 0 {
		return topic
	}
	if topic == "" {
		if topic = known[p.Alias]; topic == "" {
			t.Fatalf("alias %d stands for nothing", p.Alias)
		}
	}
	known[p.Alias] = topic
	return topic
}

func aliasZero(t *suite.T) {
	p := t.Client("") // and not from the client either
	p.Send(suite.Raw(0x30, suite.Str(t.Topic("a")), []byte{3, 0x23, 0, 0}, []byte("x")))
	p.End(packet.TopicAliasInvalid, packet.ProtocolError, packet.MalformedPacket)
	if used := aliasesOut(t, 10); slices.Contains(used, 0) {
		t.Error("alias 0")
	}
}

func aliasesTaken(t *suite.T) {
	sub := t.Client("sub")
	sub.Join(t.Topic("#"), 0)
	pub := t.Dial()
	maximum := pub.Connect(t.Hello("pub", true)).Properties.TopicAliasMaximum
	name := func(n uint16) string { return t.Topic(fmt.Sprint(n)) }
	for n := range min(maximum, 200) {
		alias(pub, name(n+1), n+1, "x")
		sub.Take(name(n+1), "x")
	}
	alias(pub, name(maximum), maximum, "last")
	sub.Take(name(maximum), "last")
	alias(pub, "", maximum, "again")
	sub.Take(name(maximum), "again")
	alias(pub, t.Topic("other"), 1, "moved")
	sub.Take(t.Topic("other"), "moved")
	alias(pub, "", 1, "moved again")
	sub.Take(t.Topic("other"), "moved again")
	if maximum < 65535 {
		alias(pub, t.Topic("above"), maximum+1, "x")
		pub.End(packet.TopicAliasInvalid, packet.ProtocolError)
	}
	pub = t.Client("pub")
	alias(pub, "", 1, "x") // nothing has been said of it
	pub.End(packet.TopicAliasInvalid, packet.ProtocolError)
	t.Client("").Say(t.Topic("end"), "x", 0)
	sub.Take(t.Topic("end"), "x")
}

// badProperty: a PUBLISH or a will with a string property of these values ends the connection, and nobody gets it.
func badProperty(id byte, values ...string) func(*suite.T) {
	return func(t *suite.T) {
		topic := t.Topic("a")
		sub := t.Client("sub")
		sub.Join(topic, 0)
		for _, value := range values {
			props := append([]byte{byte(3 + len(value)), id}, suite.Str(value)...)
			p := t.Client("")
			p.Send(suite.Raw(0x30, suite.Str(topic), props, []byte("x")))
			p.End(packet.MalformedPacket, packet.ProtocolError, packet.TopicNameInvalid)
			p = t.Dial()
			p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{5, 6, 0, 60, 0}, suite.Str(t.ID("w")), props, suite.Str(topic), suite.Str("x")))
			p.Refused(packet.MalformedPacket, packet.ProtocolError, packet.TopicNameInvalid)
		}
		t.Client("pub").Say(topic, "marker", 0)
		sub.Take(topic, "marker")
	}
}

// identifiers: of three subscriptions that match, two have an identifier, which come in one copy together or in two.
func identifiers(t *suite.T) {
	topic := t.Topic("a/b")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.SubscribeWith(packet.Subscribe{SubscriptionID: 7, Filters: []packet.Filter{suite.Filter(t.Topic("a/#"), 1)}})
	sub.SubscribeWith(packet.Subscribe{SubscriptionID: 268_435_455, Filters: []packet.Filter{suite.Filter(t.Topic("+/b"), 0)}})
	sub.SubscribeWith(packet.Subscribe{SubscriptionID: 9, Filters: []packet.Filter{suite.Filter(t.Topic("other"), 0)}})
	sub.Join(topic, 1)
	pub.Say(topic, "x", 1)
	pub.Say(t.Topic("other"), "end", 0)
	var all []uint32
	copies := 0
	for {
		got := sub.Expect(packet.TypePublish).Publish
		if string(got.Payload) == "end" {
			if !slices.Equal(got.SubscriptionIDs, []uint32{9}) {
				t.Errorf("identifiers %d instead of 9", got.SubscriptionIDs)
			}
			break
		}
		copies++
		all = append(all, got.SubscriptionIDs...)
	}
	slices.Sort(all)
	if !slices.Equal(all, []uint32{7, 268_435_455}) || copies != 1 && copies != 3 {
		t.Errorf("identifiers %d in %d copies", all, copies)
	}
}

func identifierIn(t *suite.T) {
	topic := t.Topic("a")
	sub := t.Client("sub")
	sub.Join(topic, 0)
	p := t.Client("p")
	m := suite.Message(topic, "x", 0)
	m.SubscriptionIDs = []uint32{1}
	p.SendPublish(m)
	p.End(packet.ProtocolError)
	t.Client("pub").Say(topic, "marker", 0)
	sub.Take(topic, "marker")
}

// receiving is a subscriber with a receive maximum for which n messages wait.
func receiving(t *suite.T, maximum uint16, qos byte, n int) (sub *suite.Peer, topic string) {
	topic = t.Topic(fmt.Sprint("qos", qos))
	hello := t.Hello(fmt.Sprint("r", qos), true)
	hello.Properties.ReceiveMaximum = maximum
	sub = t.Connect(hello)
	sub.Join(topic, qos)
	pub := t.Client("pub")
	for i := range n {
		pub.Say(topic, fmt.Sprint(i), qos)
	}
	return sub, topic
}

func receiveMaximum(t *suite.T) {
	for _, qos := range []byte{1, 2} {
		sub, topic := receiving(t, 3, qos, 8)
		var ids []uint16
		for i := range 3 {
			ids = append(ids, sub.ExpectMessage(topic, fmt.Sprint(i)).PacketID)
		}
		sub.Quiet()
		for i := 3; i < 8; i++ { // one leaves, one comes
			if qos == 2 {
				sub.Ack(packet.TypePubrec, ids[0])
				sub.ExpectAck(packet.TypePubrel, ids[0])
				sub.Quiet() // PUBREC frees nothing
				sub.Ack(packet.TypePubcomp, ids[0])
			} else {
				sub.Ack(packet.TypePuback, ids[0])
			}
			ids = append(ids[1:], sub.ExpectMessage(topic, fmt.Sprint(i)).PacketID)
			sub.Quiet()
		}
	}
}

func othersNotDelayed(t *suite.T) {
	sub, topic := receiving(t, 1, 1, 3)
	sub.ExpectMessage(topic, "0")
	sub.Join(t.Topic("zero"), 0)
	sub.Unsubscribe(t.Topic("none"))
	sub.Quiet()
	sub.Say(t.Topic("b"), "x", 1)
	sub.Say(t.Topic("b"), "x", 2)
	t.Client("zero").Say(t.Topic("zero"), "x", 0)
	sub.Take(t.Topic("zero"), "x")
}
