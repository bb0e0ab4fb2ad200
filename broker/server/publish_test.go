package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

func TestQoS(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		for _, clean := range []bool{true, false} {
			sub, pub := b.connect("sub", clean, v), b.connect("pub", clean, v)
			for granted := range byte(3) {
				if got := sub.Subscribe(filter("t/+", granted)); got[0] != packet.ReasonCode(granted) {
					t.Fatalf("granted %v, and not QoS %d", got, granted)
				}
				for qos := range byte(3) {
					payload := fmt.Sprintf("%d to %d", qos, granted)
					pub.Say("t/x", payload, qos)
					if got := sub.Take("t/x", payload); got.QoS != min(qos, granted) || got.Dup || got.Retain {
						t.Errorf("%s: QoS %d dup %v retain %v", payload, got.QoS, got.Dup, got.Retain)
					}
				}
			}
			pub.Say("other", "", 1)
			sub.Quiet()
			sub.Unsubscribe("t/+")
			pub.Say("t/x", "", 1)
			sub.Quiet()
			sub.Disconnect(packet.Disconnect{})
			pub.Disconnect(packet.Disconnect{})
		}
	})
}

// TestProperties: what MQTT 5 passes on is passed on; 3.1.1 gets the payload alone.
func TestProperties(t *testing.T) {
	b := run(t, open(t))
	five, four, pub := b.connect("five", true, packet.V5), b.connect("four", true, packet.V311), b.connect("pub", true, packet.V5)
	five.Subscribe(filter("#", 1))
	four.Subscribe(filter("#", 1))
	p := text("t", "payload", 1)
	p.Forward = []byte{0x01, 1, 0x26, 0, 1, 'k', 0, 1, 'v', 0x26, 0, 1, 'k', 0, 1, 'w'} // payload format, user properties
	p.Expiry, p.HasExpiry = 100, true
	pub.Publish(p)
	got := five.ExpectMessage("t", "payload")
	if diff := cmp.Diff(p.Forward, got.Forward); diff != "" || !got.HasExpiry || got.Expiry == 0 || got.Expiry > 100 {
		t.Errorf("expiry %d, properties %s", got.Expiry, diff)
	}
	four.ExpectMessage("t", "payload")
}

func TestNoMatchingSubscribers(t *testing.T) {
	b := run(t, open(t))
	pub := b.connect("pub", true, packet.V5)
	for qos := byte(1); qos < 3; qos++ {
		if got := pub.Publish(text("nobody", "", qos)); got != packet.NoMatchingSubscribers {
			t.Errorf("QoS %d: %v", qos, got)
		}
	}
}

// TestOverlap: one copy, at the highest QoS, with all identifiers; No Local only if all say so.
func TestOverlap(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		if v != packet.V5 {
			sub, pub := b.connect("sub", false, v), b.connect("pub", true, v)
			sub.Subscribe(filter("a/#", 0), filter("a/b", 2), filter("+/b", 1))
			pub.Say("a/b", "x", 2)
			if got := sub.Take("a/b", "x"); got.QoS != 2 {
				t.Errorf("QoS %d", got.QoS)
			}
			sub.Quiet()
			return
		}
		c := b.connect("c", false, v)
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 1, Filters: []packet.Filter{{Filter: "a/#", QoS: 0, NoLocal: true}}})
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 200, Filters: []packet.Filter{{Filter: "a/b", QoS: 1, NoLocal: true}}})
		c.Say("a/b", "mine", 1)
		c.Quiet()
		other := b.connect("other", true, v)
		other.Say("a/b", "x", 2)
		got := c.Take("a/b", "x")
		ids := map[uint32]bool{}
		for _, id := range got.SubscriptionIDs {
			ids[id] = true
		}
		if got.QoS != 1 || len(got.SubscriptionIDs) != 2 || !ids[1] || !ids[200] {
			t.Errorf("QoS %d, identifiers %v", got.QoS, got.SubscriptionIDs)
		}
		c.SubscribeWith(packet.Subscribe{SubscriptionID: 3, Filters: []packet.Filter{{Filter: "+/b", QoS: 2}}})
		c.SendPublish(text("a/b", "mine", 0))
		c.ExpectMessage("a/b", "mine")
		c.SubscribeWith(packet.Subscribe{Filters: []packet.Filter{{Filter: "a/b", QoS: 0}}}) // replaces
		c.Unsubscribe("+/b", "a/#")
		other.Say("a/b", "y", 2)
		if got := c.Take("a/b", "y"); got.QoS != 0 || len(got.SubscriptionIDs) != 0 {
			t.Errorf("after it is replaced: QoS %d, identifiers %v", got.QoS, got.SubscriptionIDs)
		}
	})
}

// However many of a client's subscriptions match, few or very many, it gets one copy.
func TestOverlapMany(t *testing.T) {
	b := start(t, open(t))
	one, all, pub := b.connect("one", true, packet.V311), b.connect("all", true, packet.V311), b.connect("pub", true, packet.V311)
	var filters []packet.Filter
	for bits := range 32 {
		levels := strings.Split("a/b/c/d/e", "/")
		for i := range levels {
			if bits>>i&1 != 0 {
				levels[i] = "+"
			}
		}
		filters = append(filters, filter(strings.Join(levels, "/"), byte(bits%3)))
	}
	one.Subscribe(filters[3])
	all.Subscribe(filters...)
	pub.Say("a/b/c/d/e", "x", 2)
	one.Take("a/b/c/d/e", "x")
	one.Quiet()
	if got := all.Take("a/b/c/d/e", "x"); got.QoS != 2 {
		t.Errorf("QoS %d", got.QoS)
	}
	all.Quiet()
}

func TestSubscribeReasons(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxSubscriptionsPerSession = 2
	cfg.MQTT.MaxTopicLevels = 3
	cfg.MQTT.MaxQoS = new(int32(1))
	cfg.MQTT.SharedSubscriptionAvailable = new(bool)
	b := run(t, cfg)
	c := b.connect("c", true, packet.V5)
	got := c.Subscribe(filter("a", 2), filter("a/#/b", 0), filter("$share/g/a", 0), filter("a/b/c/d", 0), filter("b", 1), filter("c", 0), filter("a", 0))
	want := []packet.ReasonCode{1, packet.TopicFilterInvalid, packet.SharedSubscriptionsNotSupported, packet.TopicFilterInvalid, 1, packet.QuotaExceeded, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]packet.ReasonCode{0, packet.NoSubscriptionExisted}, c.Unsubscribe("a", "c").Reasons); diff != "" {
		t.Error(diff)
	}
}

func TestRetained(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		pub := b.connect("pub", true, v)
		pub.Retain("r/1", "one")
		pub.Retain("r/2", "two")
		pub.Retain("r/2", "")
		pub.Retain("r/3", "three")
		sub := b.connect("sub", false, v)
		sub.SendPublish(text("x", "", 0))
		p := packet.Subscribe{PacketID: 9, Filters: []packet.Filter{filter("r/+", 1)}}
		sub.Send(p.Append(nil, v))
		got := map[string]bool{}
		for acked := false; len(got) < 2 || !acked; {
			switch p := sub.Packet(); p.Type {
			case packet.TypeSuback:
				acked = true
			case packet.TypePublish:
				got[string(p.Publish.Topic)+"="+string(p.Publish.Payload)] = p.Publish.Retain && p.Publish.QoS == 1
				sub.Accept(p.Publish)
			}
		}
		if diff := cmp.Diff(map[string]bool{"r/1=one": true, "r/3=three": true}, got); diff != "" {
			t.Error(diff)
		}
		pub.Retain("r/1", "live")
		if got := sub.Take("r/1", "live"); got.Retain {
			t.Error("RETAIN is set on a live message")
		}
		pub.Retain("r/1", "")
		sub.Take("r/1", "")
		sub.Quiet()
	})
}

func TestRetainHandling(t *testing.T) {
	b := run(t, open(t))
	pub := b.connect("pub", true, packet.V5)
	pub.Retain("r", "x")
	for _, test := range []struct {
		handling      byte
		first, second bool
	}{{0, true, true}, {1, true, false}, {2, false, false}} {
		c := b.connect(fmt.Sprint("c", test.handling), true, packet.V5)
		for i, expected := range []bool{test.first, test.second} {
			// Sent raw: the message may come before SUBACK.
			p := packet.Subscribe{PacketID: c.ID(), Filters: []packet.Filter{{Filter: "r", RetainHandling: test.handling}}}
			c.Send(p.Append(nil, packet.V5))
			messages, acked := 0, false
			for !acked || expected && messages == 0 {
				switch p := c.Packet(); p.Type {
				case packet.TypePublish:
					messages++
				case packet.TypeSuback:
					acked = true
				}
			}
			if messages > 0 != expected {
				t.Errorf("handling %d, subscription %d: %d messages", test.handling, i+1, messages)
			}
		}
		c.Quiet()
	}
	c := b.connect("published", true, packet.V5)
	c.Subscribe(packet.Filter{Filter: "p", RetainAsPublished: true})
	pub.Retain("p", "x")
	if !c.Take("p", "x").Retain {
		t.Error("RETAIN is not kept as published")
	}
	pub.Say("p", "y", 0)
	if c.Take("p", "y").Retain {
		t.Error("RETAIN is set though it was not published")
	}
}

// TestRetainedEachTime: each SUBSCRIBE has the retained messages sent, also where the next one comes before that was possible. [MQTT-3.8.4-3]
func TestRetainedEachTime(t *testing.T) {
	b := start(t, open(t))
	pub := b.connect("pub", true, packet.V5)
	pub.Retain("kept", "kept")
	sub := slowly(b, "sub", true)
	sub.Subscribe(filter("a", 1))
	pub.Say("a", "1", 1)
	pub.Say("a", "2", 1)
	first := sub.ExpectMessage("a", "1") // and the second waits
	for range 3 {
		sub.Subscribe(filter("kept", 0))
	}
	sub.Accept(first)
	sub.Take("a", "2")
	for range 3 {
		sub.ExpectMessage("kept", "kept")
	}
	sub.Quiet()
}

// TestRetainedMany: a new subscriber of # gets them all, at the speed at which it reads.
func TestRetainedMany(t *testing.T) {
	const many = 20_000
	for _, qos := range []byte{0, 1} {
		t.Run(fmt.Sprint("QoS ", qos), func(t *testing.T) {
			cfg := open(t)
			cfg.MQTT.MaxOutboundBytes = 16 << 10
			b := run(t, cfg)
			pub := b.connect("pub", true, packet.V5)
			var buf []byte
			for i := range many {
				p := packet.Publish{Topic: fmt.Append(nil, "r/", i), Payload: []byte("payload"), QoS: 0, Retain: true}
				buf = p.Append(buf, packet.V5)
			}
			pub.Send(buf)
			pub.Quiet()
			sub := b.connect("sub", true, packet.V5)
			p := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("#", qos)}}
			sub.Send(p.Append(nil, packet.V5))
			got := make(map[string]bool, many)
			for len(got) < many {
				if p := sub.Packet(); p.Type == packet.TypePublish {
					if got[string(p.Publish.Topic)] {
						t.Fatalf("%s comes twice", p.Publish.Topic)
					}
					got[string(p.Publish.Topic)] = true
					sub.Accept(p.Publish)
				}
			}
			sub.Quiet()
		})
	}
}

// TestRetainedLarge: retained messages that the outbox does not hold all at once come all the same.
func TestRetainedLarge(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxOutboundBytes = 64 << 10
	b := run(t, cfg)
	pub := b.connect("pub", true, packet.V5)
	payload := strings.Repeat("x", 100_000)
	for i := range 20 {
		pub.Retain(fmt.Sprint("r/", i), payload)
	}
	sub := b.connect("sub", true, packet.V5)
	p := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("r/+", 0)}}
	sub.Send(p.Append(nil, packet.V5))
	for got := 0; got < 20; {
		if p := sub.Packet(); p.Type == packet.TypePublish {
			got++
		}
	}
	sub.Quiet()
}

// TestUnsubscribeWhileFed: after UNSUBACK no more retained messages come.
func TestUnsubscribeWhileFed(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxOutboundBytes = 4096
	b := run(t, cfg)
	pub := b.connect("pub", true, packet.V5)
	for i := range 2000 {
		p := packet.Publish{Topic: fmt.Append(nil, "r/", i), Payload: make([]byte, 8000), Retain: true}
		pub.SendPublish(p)
	}
	pub.Quiet()
	sub := b.connect("sub", true, packet.V5)
	p := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("r/+", 0)}}
	sub.Send(p.Append(nil, packet.V5))
	for sub.Packet().Type != packet.TypeSuback {
	}
	u := packet.Unsubscribe{PacketID: 2, Filters: []string{"r/+"}}
	sub.Send(u.Append(nil, packet.V5))
	for sub.Packet().Type != packet.TypeUnsuback { // before it as many may come as there is room for on the way
	}
	for i := range 3 { // what was on its way at UNSUBACK is not more than a burst
		sub.Send([]byte{byte(packet.TypePingreq) << 4, 0})
		n := 0
		for ; sub.Packet().Type == packet.TypePublish; n++ {
		}
		if n > 0 && i > 0 || n > 64 {
			t.Fatalf("%d messages after UNSUBACK", n)
		}
	}
}

// TestLarge: payloads beyond every buffer, written in odd pieces.
func TestLarge(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxPacketSizeBytes = 4 << 20
	b := run(t, cfg)
	pub, sub := b.connect("pub", true, packet.V5), b.connect("sub", true, packet.V5)
	sub.Subscribe(filter("#", 0))
	for _, size := range []int{4095, 4096, 65535 - 20, 65536, 70_000, 1 << 20, 3<<20 + 7} {
		for _, piece := range []int{1 << 30, 65536, 4099} {
			payload := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			p := text("large", payload, 0)
			small := text("small", "after", 0)
			raw := small.Append(p.Append(nil, packet.V5), packet.V5)
			for len(raw) > 0 {
				n := min(piece, len(raw))
				pub.Send(raw[:n])
				raw = raw[n:]
			}
			sub.ExpectMessage("large", payload)
			sub.ExpectMessage("small", "after")
		}
	}
}

// TestSplit: packets arrive cut at every byte, and several at once.
func TestSplit(t *testing.T) {
	b := run(t, open(t))
	connect := hello("split", true, packet.V5)
	subscribe := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("s/#", 1)}}
	publish := text("s/1", "payload", 1)
	publish.PacketID = 2
	raw := publish.Append(subscribe.Append(connect.Append(nil), packet.V5), packet.V5)
	cuts := [][]int{{}, nil}
	for i := range raw[1:] {
		cuts = append(cuts, []int{i + 1})
		cuts[1] = append(cuts[1], i+1) // every byte by itself
	}
	for _, at := range cuts {
		c := mqtttest.Dial(t, b.addr())
		last := 0
		for _, cut := range append(at, len(raw)) {
			c.Send(raw[last:cut])
			last = cut
		}
		c.Expect(packet.TypeConnack)
		seen := map[packet.Type]int{}
		for range 3 {
			seen[c.Packet().Type]++
		}
		if diff := cmp.Diff(map[packet.Type]int{packet.TypeSuback: 1, packet.TypePublish: 1, packet.TypePuback: 1}, seen); diff != "" {
			t.Fatalf("cut at %v: %s", at, diff)
		}
		c.Close()
	}
}
