package v5

import (
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

func unknownVersion(t *suite.T) {
	for _, level := range []byte{6, 7, 100} {
		p := t.Dial()
		p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{level, 2, 0, 60, 0}, suite.Str(t.ID(""))))
		got := p.Rest()
		if len(got) > 0 && (len(got) < 4 || got[0] != 0x20 || got[2] != 0 || got[3] != 0x84 && got[3] != 1) {
			t.Errorf("level %d: answered with % x and the end of the connection", level, got)
		}
	}
}

// willDelay: not before its delay, and at the end of the session if that is earlier; at once if there is none.
func willDelay(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	hello := t.Hello("a", false)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("late"), Delay: 1}
	p := t.Connect(hello)
	began := time.Now()
	p.Close()
	watch.Take(topic, "late")
	if lasted := time.Since(began); lasted < 900*time.Millisecond {
		t.Errorf("published after %v", lasted)
	}
	hello = t.Hello("b", false)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("end"), Delay: suite.Forever}
	t.Connect(hello).Close()
	t.Client("b") // ends the session
	watch.Take(topic, "end")
	hello.Properties.SessionExpiry = 1
	t.Connect(hello).Close()
	watch.Take(topic, "end")
	hello = t.Hello("c", true)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("0x04")}
	t.Connect(hello).LeaveWith(packet.Disconnect{Reason: packet.DisconnectWithWill})
	watch.Take(topic, "0x04")
	t.Connect(hello).Leave()
	t.Client("pub").Say(topic, "marker", 1)
	watch.Take(topic, "marker")
}

func backInTime(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	hello := t.Hello("a", false)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("w"), Delay: 1}
	t.Connect(hello).Close()
	back := t.Keep("a")
	t.Pass(1500 * time.Millisecond)
	t.Client("pub").Say(topic, "marker", 1)
	watch.Take(topic, "marker")
	back.Quiet()
}

// pairs are user properties whose order shows; a name comes twice.
var pairs = []packet.UserProperty{{Name: "b", Value: "1"}, {Name: "a", Value: "2"}, {Name: "b", Value: "3"}, {Name: "", Value: ""}, {Name: "z", Value: "ü"}}

func willProperties(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	hello := t.Hello("a", true)
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("w"), Forward: packet.AppendForward(nil, &packet.PublishProperties{User: pairs})}
	t.Connect(hello).Close()
	got := watch.Take(topic, "w")
	if props, err := got.Properties(); err != nil || !slices.Equal(props.User, pairs) {
		t.Errorf("user properties %v, %v", props.User, err)
	}
}

// maximumOut: nothing that is larger comes, be it CONNACK or a message; messages within the maximum do.
func maximumOut(t *suite.T) {
	t.Sub("CONNACK", func(t *suite.T) {
		for _, maximum := range []uint32{4, 10, 20, 30} {
			hello := t.Hello("", true)
			hello.Version = packet.V5
			hello.Properties.MaximumPacketSize = maximum
			p := t.Dial()
			p.Send(hello.Append(nil))
			if got, over := p.NextOrEnd(); !over && len(got.Raw) > int(maximum) {
				t.Errorf("CONNACK of %d bytes to a client that takes %d", len(got.Raw), maximum)
			}
		}
	})
	t.Sub("PUBLISH", maximumMessage)
}

func maximumMessage(t *suite.T) {
	topic := t.Topic("a")
	hello := t.Hello("sub", true)
	hello.Properties.MaximumPacketSize = 100
	sub, pub := t.Connect(hello), t.Client("pub")
	sub.Join(topic, 1)
	for size := 1; size < 140; size++ {
		m := suite.Message(topic, string(make([]byte, size)), 1)
		pub.Publish(m)
		m.PacketID = 1
		if m.Size(packet.V5) <= 100 {
			if got := sub.Expect(packet.TypePublish); len(got.Raw) > 100 || len(got.Publish.Payload) != size {
				t.Fatalf("a packet of %d bytes with a payload of %d instead of %d", len(got.Raw), len(got.Publish.Payload), size)
			} else {
				sub.Accept(got.Publish)
			}
		}
	}
	if got := sub.More(); len(got) > 0 {
		t.Errorf("a packet of %d bytes to a client that takes 100", len(got))
	}
}

// tooLargeIsDone: messages that are too large take no place in the receive maximum and do not come later.
func tooLargeIsDone(t *suite.T) {
	topic := t.Topic("a")
	hello := t.Hello("sub", false)
	hello.Properties.MaximumPacketSize, hello.Properties.ReceiveMaximum = 100, 2
	sub, pub := t.Connect(hello), t.Client("pub")
	sub.Join(topic, 2)
	for _, qos := range []byte{0, 1, 2, 1, 2} {
		pub.Say(topic, string(make([]byte, 200)), qos)
	}
	pub.Say(topic, "small", 1)
	sub.Take(topic, "small")
	sub.Leave()
	pub.Say(topic, string(make([]byte, 200)), 1)
	pub.Say(topic, "small", 2)
	hello.CleanStart = false
	sub = t.Connect(hello)
	sub.Take(topic, "small")
	sub.Leave()
	t.Keep("sub").Quiet() // with no maximum
}

// aliasesOut are the aliases of many messages to a subscriber with a maximum; each must have a topic, by name or alias.
func aliasesOut(t *suite.T, maximum uint16) (used []uint16) {
	hello := t.Hello("sub", true)
	hello.Properties.TopicAliasMaximum = maximum
	sub, pub := t.Connect(hello), t.Client("pub")
	sub.Join(t.Topic("#"), 0)
	known := map[uint16]string{}
	for i := range 60 {
		name := t.Topic(string(rune('a' + i%20)))
		pub.Say(name, "x", 0)
		got := sub.Expect(packet.TypePublish).Publish
		if got.Alias != 0 {
			used = append(used, got.Alias)
		}
		if topic := named(t, got, known); topic != name {
			t.Fatalf("topic %q with alias %d instead of %q", got.Topic, got.Alias, name)
		}
	}
	return used
}

func aliasesWithin(t *suite.T) {
	for _, maximum := range []uint16{1, 5, 65535} {
		for _, alias := range aliasesOut(t, maximum) {
			if alias > maximum {
				t.Errorf("alias %d above %d", alias, maximum)
			}
		}
	}
}

func noAliases(t *suite.T) {
	if used := aliasesOut(t, 0); len(used) > 0 {
		t.Errorf("aliases %v", used)
	}
}

func noResponseInformation(t *suite.T) {
	p := t.Dial()
	if ack := p.Connect(t.Hello("", true)); ack.Properties.ResponseInformation != "" {
		t.Errorf("response information %q", ack.Properties.ResponseInformation)
	}
}

// noProblemInformation: acknowledgements of failure have no reason string or user properties if the client wants none.
func noProblemInformation(t *suite.T) {
	hello := t.Hello("", true)
	hello.Properties.NoProblemInformation = true
	for _, f := range failures5 {
		p := t.Connect(hello)
		got := f.provoke(t, p)
		if len(got.Raw) > f.plain {
			t.Errorf("%s: % x has more than a reason code", f.name, got.Raw)
		}
	}
}

func assignedIsUnique(t *suite.T) {
	seen := map[string]bool{}
	for range 20 {
		p := t.Dial()
		ack := p.Connect(packet.Connect{CleanStart: true})
		if ack.Reason != packet.Success {
			t.Skipf("this broker does not allow empty client identifiers, which it need not: %v", ack.Reason)
		}
		if id := ack.Properties.AssignedClientID; id == "" || seen[id] {
			t.Errorf("assigned client identifier %q", id)
		} else {
			seen[id] = true
		}
		t.Cleanup(p.Leave)
		p.Quiet()
	}
}

// assignedIsTheClients: the session goes on under the identifier that was assigned.
func assignedIsTheClients(t *suite.T) {
	hello := t.Hello("", false)
	hello.ClientID = ""
	p := t.Dial()
	ack := p.Connect(hello)
	if ack.Reason != packet.Success {
		t.Skipf("this broker does not allow empty client identifiers, which it need not: %v", ack.Reason)
	}
	p.Join(t.Topic("a"), 1)
	p.Leave()
	t.Client("pub").Say(t.Topic("a"), "x", 1)
	hello.ClientID = ack.Properties.AssignedClientID
	p = t.Dial()
	if ack := p.Connect(hello); !ack.SessionPresent || ack.Properties.AssignedClientID != "" {
		t.Errorf("session present %v, assigned %q", ack.SessionPresent, ack.Properties.AssignedClientID)
	}
	p.Take(t.Topic("a"), "x")
}

// unknownMethod: a CONNECT with an authentication method that nobody has is refused.
func unknownMethod(t *suite.T) {
	hello := t.Hello("", true)
	hello.Properties.AuthMethod = "no-such-method"
	p := t.Dial()
	if got := p.Connect(hello).Reason; got != packet.BadAuthenticationMethod && got != packet.NotAuthorized {
		t.Errorf("CONNACK: %v", got)
	}
	p.Gone()
}

func takenOver(t *suite.T) {
	for _, clean := range []bool{true, false} {
		first := t.Connect(t.Hello("x", clean))
		second := t.Connect(t.Hello("x", clean))
		if got := first.Expect(packet.TypeDisconnect).Disconnect.Reason; got != packet.SessionTakenOver {
			t.Errorf("DISCONNECT: %v", got)
		}
		first.Gone()
		second.Quiet()
	}
}

func acknowledgeFlags(t *suite.T) {
	for _, clean := range []bool{true, false, false} {
		hello := t.Hello("a", clean)
		hello.Version = packet.V5
		p := t.Dial()
		p.Send(hello.Append(nil))
		got := p.Expect(packet.TypeConnack)
		start := 2 // after a remaining length of one byte
		if got.Raw[1] >= 0x80 {
			start = 3
		}
		if got.Raw[start]&0xFE != 0 {
			t.Errorf("acknowledge flags 0x%02x", got.Raw[start])
		}
		p.Leave()
	}
}

// connackCodes provokes refusals; the strict reader of the suite refuses codes that are not CONNACK's.
func connackCodes(t *suite.T) {
	unknownMethod(t)
	check.MalformedConnect(t)
	check.Accepted(t)
}

func saysMaximumQoS(t *suite.T) {
	p := t.Limited().Dial()
	if ack := p.Connect(t.Hello("", true)); !ack.Properties.HasMaximumQoS || ack.Properties.MaximumQoS != 1 {
		t.Errorf("maximum QoS %d, given %v", ack.Properties.MaximumQoS, ack.Properties.HasMaximumQoS)
	}
}

func subscribesAbove(t *suite.T) {
	sub, pub := t.Limited().Client("sub"), t.Limited().Client("pub")
	for qos := range byte(3) {
		if code := sub.Subscribe(suite.Filter(t.Topic("a"), qos))[0]; code.Failed() {
			t.Errorf("QoS %d: %v", qos, code)
		}
		pub.Say(t.Topic("a"), "x", 1)
		sub.Take(t.Topic("a"), "x")
	}
}

func willAbove(t *suite.T) {
	hello := t.Hello("", true)
	hello.Will = &packet.Will{Topic: t.Topic("a"), QoS: 2}
	refusedWill(t, hello, packet.QoSNotSupported)
}

func willNotToRetain(t *suite.T) {
	hello := t.Hello("", true)
	hello.Will = &packet.Will{Topic: t.Topic("a"), Retain: true}
	refusedWill(t, hello, packet.RetainNotSupported)
}

func refusedWill(t *suite.T, hello packet.Connect, want packet.ReasonCode) {
	hello.Version = packet.V5
	p := t.Limited().Dial()
	p.Send(hello.Append(nil))
	p.Refused(want)
}

// noRoomInConnack: a refusal has no reason string, or no user properties, if with them it is larger than the client takes.
func noRoomInConnack(user bool) func(*suite.T) {
	return func(t *suite.T) {
		for _, maximum := range []uint32{5, 8, 20, 40} {
			hello := t.Hello("", true)
			hello.Version = packet.V5
			hello.Properties.MaximumPacketSize = maximum
			hello.Properties.AuthMethod = "no-such-method"
			p := t.Dial()
			p.Send(hello.Append(nil))
			got, over := p.NextOrEnd()
			if !over && tooLarge(maximum, len(got.Raw), user, got.Connack.Properties.ReasonString, got.Connack.Properties.User) {
				t.Errorf("CONNACK of %d bytes to a client that takes %d: % x", len(got.Raw), maximum, got.Raw)
			}
		}
	}
}

// tooLarge says whether a packet is larger than the client takes and has what would have to be left out.
func tooLarge(maximum uint32, size int, user bool, reason string, properties []packet.UserProperty) bool {
	return size > int(maximum) && (user && len(properties) > 0 || !user && reason != "")
}

func clientsKeepAlive(t *suite.T) {
	p := t.Dial()
	hello := t.Hello("a", true)
	hello.KeepAlive = 600
	if ack := p.Connect(hello); ack.Properties.HasServerKeepAlive {
		t.Skipf("this broker asks for a keep alive of %d s", ack.Properties.ServerKeepAlive)
	}
	check.KeepAlive(t)
}
