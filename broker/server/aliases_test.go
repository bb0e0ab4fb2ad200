package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// aliased is a PUBLISH with a topic alias.
func aliased(topic string, alias uint16, payload string, qos byte) packet.Publish {
	p := text(topic, payload, qos)
	p.Alias = alias
	return p
}

// TestAliasIn: an alias stands for the topic that it came with last. [MQTT-3.3.2-12]
func TestAliasIn(t *testing.T) {
	b := run(t, open(t))
	pub := mqtttest.Dial(t, b.addr())
	if got := pub.Connect(hello("pub", true, packet.V5)).Properties.TopicAliasMaximum; got != 32 {
		t.Fatalf("CONNACK: topic alias maximum %d", got)
	}
	pub.Publish(aliased("a/b", 32, "nobody is there", 1))
	sub := b.connect("sub", true, packet.V5)
	sub.Subscribe(filter("#", 2))
	say := func(topic string, alias uint16, qos byte, want string) {
		t.Helper()
		pub.Publish(aliased(topic, alias, "x", qos))
		if got := sub.Take(want, "x"); got.Alias != 0 {
			t.Errorf("alias %d is passed on", got.Alias)
		}
	}
	say("", 32, 0, "a/b") // also to who has subscribed since
	say("", 32, 1, "a/b")
	say("a/c", 1, 2, "a/c")
	say("", 1, 2, "a/c")
	say("", 32, 0, "a/b")
	say("a/d", 32, 0, "a/d") // it moves
	say("", 32, 0, "a/d")
	say("a/b", 0, 0, "a/b")
	for n := range 1100 { // more topics than a connection remembers
		pub.SendPublish(text(fmt.Sprint("other/", n), "x", 0))
		sub.Take(fmt.Sprint("other/", n), "x")
	}
	say("", 1, 0, "a/c")
}

// TestAliasOfRepetition: an alias is taken from a QoS 2 PUBLISH that came before, too.
func TestAliasOfRepetition(t *testing.T) {
	b := run(t, open(t))
	sub, pub := b.connect("sub", true, packet.V5), b.connect("pub", true, packet.V5)
	sub.Subscribe(filter("#", 0))
	first := text("a/b", "x", 2)
	first.PacketID = 7
	pub.SendPublish(first)
	pub.ExpectAck(packet.TypePubrec, 7)
	first.Alias, first.Dup = 3, true
	pub.SendPublish(first)
	pub.ExpectAck(packet.TypePubrec, 7)
	pub.Publish(aliased("", 3, "y", 0))
	sub.Take("a/b", "x")
	sub.Take("a/b", "y")
}

// TestAliasRefused: aliases that stand for nothing, and those above the maximum. [MQTT-3.3.2-7] [MQTT-3.3.2-9]
func TestAliasRefused(t *testing.T) {
	for _, maximum := range []int32{0, 4} {
		t.Run(fmt.Sprint(maximum), func(t *testing.T) {
			cfg := open(t)
			cfg.MQTT.TopicAliasMaximum = &maximum
			b := run(t, cfg)
			c := mqtttest.Dial(t, b.addr())
			if got := c.Connect(hello("c", false, packet.V5)).Properties.TopicAliasMaximum; got != uint16(maximum) {
				t.Fatalf("CONNACK: topic alias maximum %d", got)
			}
			c.SendPublish(aliased("a/b", uint16(maximum)+1, "x", 0))
			c.ExpectDisconnect(packet.TopicAliasInvalid)
			if maximum == 0 {
				return
			}
			c = b.connect("c", false, packet.V5)
			c.Publish(aliased("a/b", 4, "x", 0))
			c.SendPublish(aliased("", 3, "x", 0))
			c.ExpectDisconnect(packet.ProtocolError)
			c = b.connect("c", false, packet.V5) // the same session, and none of its aliases
			c.SendPublish(aliased("", 4, "x", 1))
			c.ExpectDisconnect(packet.ProtocolError)
		})
	}
}

// TestAliasAccess: an alias opens nothing, and what it opens closes with the rules.
func TestAliasAccess(t *testing.T) {
	b, dir := guarded(t)
	ann, bob := mqtttest.Start(t, b.addr(), as("ann", "ann", packet.V5)), mqtttest.Start(t, b.addr(), as("bob", "bob", packet.V5))
	ann.Subscribe(filter("narrow/#", 0))
	for _, topic := range []string{"secret/x", ""} {
		if got := bob.Publish(aliased(topic, 1, "x", 1)); got != packet.NotAuthorized {
			t.Errorf("topic %q: %v", topic, got)
		}
	}
	bob.Publish(aliased("narrow/x", 2, "x", 1))
	ann.Take("narrow/x", "x")
	write(t, dir, "acl.yaml", strings.ReplaceAll(rules, `, "narrow/#"`, ""))
	eventually(t, "publishing is denied", func() bool { return bob.Publish(aliased("", 2, "x", 1)) == packet.NotAuthorized })
}

// TestAliasOut: a client that takes aliases gets them, within its maximum and the broker's; others do not.
func TestAliasOut(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		two := int32(2)
		cfg := open(t)
		cfg.MQTT.TopicAliasMaximum, cfg.Store.Dir = &two, dir
		b := run(t, cfg)
		pub, plain := b.connect("pub", true, packet.V311), b.connect("plain", true, packet.V5)
		plain.Subscribe(filter("#", 0))
		p := hello("sub", false, packet.V5)
		p.Properties.TopicAliasMaximum = 65535
		for range 2 { // on each connection anew
			sub := mqtttest.Start(t, b.addr(), p)
			sub.Subscribe(filter("#", 1))
			for _, want := range []struct {
				topic, name string
				alias       uint16
			}{{"press/1", "press/1", 1}, {"press/1", "", 1}, {"press/2", "press/2", 2}, {"press/1", "", 1}, {"press/2", "", 2}, {"press/3", "press/3", 0}} {
				pub.Say(want.topic, "x", 1)
				got := sub.Take(want.name, "x")
				if got.Alias != want.alias {
					t.Errorf("%s: alias %d, and not %d", want.topic, got.Alias, want.alias)
				}
				if got := plain.Take(want.topic, "x"); got.Alias != 0 {
					t.Errorf("alias %d to a client that takes none", got.Alias)
				}
			}
			sub.Quiet() // its acknowledgements have been taken, and nothing is sent again
			sub.Close()
		}
	}
}

// TestAliasOfRetained: retained messages come by alias, and RETAIN stays.
func TestAliasOfRetained(t *testing.T) {
	b := run(t, open(t))
	b.connect("pub", true, packet.V5).Retain("press/1", "x")
	p := hello("sub", true, packet.V5)
	p.Properties.TopicAliasMaximum = 10
	sub := mqtttest.Start(t, b.addr(), p)
	for _, name := range []string{"press/1", ""} {
		s := packet.Subscribe{PacketID: sub.ID(), Filters: []packet.Filter{filter("press/+", 0)}}
		sub.Send(s.Append(nil, packet.V5))
		if got := sub.Take(name, "x"); got.Alias != 1 || !got.Retain {
			t.Errorf("%+v", got)
		}
		sub.Expect(packet.TypeSuback)
	}
}
