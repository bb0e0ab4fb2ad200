package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

const shared = "$share/g/t"

// pool connects members of a shared subscription.
func pool(b *broker, n int, clean bool, qos byte) []*mqtttest.Client {
	b.t.Helper()
	clients := make([]*mqtttest.Client, n)
	for i := range clients {
		clients[i] = b.connect(fmt.Sprint("worker ", i), clean, packet.V5)
		clients[i].Subscribe(filter(shared, qos))
	}
	return clients
}

// receive takes n messages and completes their exchanges.
func receive(t *testing.T, c *mqtttest.Client, n int) (got []packet.Publish) {
	t.Helper()
	for open := 0; len(got) < n || open > 0; {
		p := c.Packet()
		switch {
		case p.Type == packet.TypePubrel:
			c.Ack(packet.TypePubcomp, p.Ack.PacketID)
			open--
		case p.Type != packet.TypePublish:
			t.Fatalf("%v instead of message %d of %d", p.Type, len(got), n)
		default:
			got = append(got, p.Publish)
			switch p.Publish.QoS {
			case 1:
				c.Ack(packet.TypePuback, p.Publish.PacketID)
			case 2:
				c.Ack(packet.TypePubrec, p.Publish.PacketID)
				open++
			}
		}
	}
	return got
}

// texts counts the payloads of messages.
func texts(messages []packet.Publish) map[string]int {
	n := make(map[string]int)
	for i := range messages {
		n[string(messages[i].Payload)]++
	}
	return n
}

// numbers are the texts from 0 on, each once.
func numbers(n int) map[string]int {
	m := make(map[string]int)
	for i := range n {
		m[fmt.Sprint(i)] = 1
	}
	return m
}

// TestSharedRoundRobin: of as many messages as there are members, or a multiple, all get as many.
func TestSharedRoundRobin(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		b := run(t, cfg)
		for _, clean := range []bool{true, false} {
			for qos := range byte(3) {
				workers := pool(b, 4, clean, qos)
				pub := b.connect("pub", true, packet.V5)
				for range 40 {
					pub.Say("t", "x", qos)
				}
				for i, c := range workers {
					for k, p := range receive(t, c, 10) {
						if p.QoS != qos || p.Dup {
							t.Errorf("QoS %d, message %d of worker %d: QoS %d, DUP %v", qos, k, i, p.QoS, p.Dup)
						}
					}
					c.Quiet()
					c.Disconnect(packet.Disconnect{HasSessionExpiry: !clean})
				}
			}
		}
	})
}

// TestSharedAndOwn: a shared subscription is beside those of the client's own, and beside other groups. Each member has its
// options and its identifier.
func TestSharedAndOwn(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		c := b.connect("c", true, v)
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 7, Filters: []packet.Filter{filter("$share/g/t/#", 1)}})
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 8, Filters: []packet.Filter{filter("$share/h/t/+", 2)}})
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 9, Filters: []packet.Filter{filter("t/1", 0)}})
		b.connect("pub", true, v).Say("t/1", "x", 2)
		got := map[uint32]byte{}
		for _, p := range receive(t, c, 3) {
			if v == packet.V5 {
				got[p.SubscriptionIDs[0]] = p.QoS
			} else {
				got[uint32(p.QoS)] = p.QoS
			}
		}
		want := map[uint32]byte{7: 1, 8: 2, 9: 0}
		if v != packet.V5 {
			want = map[uint32]byte{0: 0, 1: 1, 2: 2}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got := c.Unsubscribe("t/1", "$share/g/t/#", "$share/g/t", "t/+").Reasons; v == packet.V5 {
			if diff := cmp.Diff([]packet.ReasonCode{0, 0, packet.NoSubscriptionExisted, packet.NoSubscriptionExisted}, got); diff != "" {
				t.Error(diff)
			}
		}
		b.connect("pub", true, v).Say("t/1", "y", 1)
		c.Take("t/1", "y") // by the group that is left
		c.Quiet()
	})
}

// TestSharedRetained: retained messages are not for a new shared subscription; RETAIN as published holds.
func TestSharedRetained(t *testing.T) {
	b := run(t, open(t))
	pub := b.connect("pub", true, packet.V5)
	pub.Retain("t", "old")
	c := b.connect("c", true, packet.V5)
	c.SubscribeWith(packet.Subscribe{Filters: []packet.Filter{{Filter: shared, QoS: 1, RetainAsPublished: true}}})
	c.Quiet()
	pub.Retain("t", "new")
	if p := c.Take("t", "new"); !p.Retain {
		t.Error("RETAIN is not as published")
	}
}

// TestSharedSubscribeAgain: a member that subscribes again is one member still, as it says now.
func TestSharedSubscribeAgain(t *testing.T) {
	b := run(t, open(t))
	c := b.connect("c", true, packet.V5)
	for qos := range byte(3) {
		c.Subscribe(filter(shared, qos))
	}
	b.connect("pub", true, packet.V5).Say("t", "x", 2)
	if p := c.Take("t", "x"); p.QoS != 2 {
		t.Errorf("QoS %d", p.QoS)
	}
	c.Quiet()
	if n := b.Metrics().Subscriptions; n != 1 {
		t.Errorf("%d subscriptions", n)
	}
	c.Unsubscribe(shared)
	if n := b.Metrics().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// TestSharedBusy: a member with all that it takes gets no more while others take some, and those share evenly.
func TestSharedBusy(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		for _, clean := range []bool{true, false} {
			b := run(t, cfg)
			stuck := slowly(b, "stuck", clean)
			stuck.Subscribe(filter(shared, 1))
			workers := pool(b, 2, clean, 1)
			pub := b.connect("pub", true, packet.V5)
			for range 21 {
				pub.Say("t", "x", 1)
			}
			for _, c := range workers {
				receive(t, c, 10)
				c.Quiet()
			}
			stuck.Take("t", "x")
			stuck.Quiet()
			b.stop()
		}
	})
}

// TestSharedTooLarge: what a member has said that it does not take goes to one that takes it; what nobody takes is dropped.
func TestSharedTooLarge(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		b := run(t, cfg)
		hello := hello("small", false, packet.V5)
		hello.Properties.MaximumPacketSize = 40
		small := mqtttest.Start(t, b.addr(), hello)
		small.Subscribe(filter(shared, 1))
		large := pool(b, 1, false, 1)[0]
		pub := b.connect("pub", true, packet.V5)
		text := fmt.Sprintf("%100d", 1)
		for qos := range byte(2) {
			for range 3 {
				pub.Say("t", text, qos)
				large.Take("t", text)
			}
		}
		large.Unsubscribe(shared)
		pub.Say("t", text, 1)
		pub.Say("t", "x", 1)
		small.Take("t", "x")
		if n := b.Metrics().Dropped["no_member"]; n != 1 {
			t.Errorf("%d dropped", n)
		}
	})
}

// TestSharedAway: a member that is away gets nothing while another is connected; then those who are away keep
// messages of QoS 1 and 2 between them, and the first to come back gets all.
func TestSharedAway(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		b := run(t, cfg)
		here := pool(b, 1, true, 2)[0]
		for i := range 3 {
			away(t, b, fmt.Sprint("away ", i), packet.V5, filter(shared, 2))
		}
		pub := b.connect("pub", true, packet.V5)
		for i := range 10 {
			pub.Say("t", fmt.Sprint("here ", i), 2)
			here.Take("t", fmt.Sprint("here ", i))
		}
		here.Disconnect(packet.Disconnect{})
		for i := range 20 {
			pub.Say("t", "not kept", 0)
			pub.Say("t", fmt.Sprint(i), byte(1+i%2))
		}
		c, _ := resume(t, b, "away 1", packet.V5)
		if diff := cmp.Diff(numbers(20), texts(receive(t, c, 20))); diff != "" {
			t.Error(diff)
		}
		c.Quiet()
		for _, id := range []string{"away 0", "away 2"} {
			c, _ := resume(t, b, id, packet.V5)
			c.Quiet()
		}
	})
}

// TestSharedNobody: without a member that takes it a message is dropped and counted.
func TestSharedNobody(t *testing.T) {
	b := run(t, open(t))
	away(t, b, "away", packet.V5, filter(shared, 0))
	pub := b.connect("pub", true, packet.V5)
	pub.Say("t", "x", 1)
	pub.Say("t", "x", 0)
	if n := b.Metrics().Dropped["no_member"]; n != 2 {
		t.Errorf("%d dropped", n)
	}
	c, _ := resume(t, b, "away", packet.V5)
	c.Quiet()
}

// TestSharedRefuse: with Refuse, a publisher is told when no member has room.
func TestSharedRefuse(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.Refuse, 3
		b := run(t, cfg)
		for i := range 2 {
			away(t, b, fmt.Sprint("away ", i), packet.V5, filter(shared, 1))
		}
		pub := b.connect("pub", true, packet.V5)
		for i := range 8 {
			want := packet.Success
			if i >= 6 {
				want = packet.QuotaExceeded
			}
			if got := pub.Publish(text("t", fmt.Sprint(i), 1)); got != want {
				t.Errorf("message %d: %v", i, got)
			}
		}
	})
}
