package session

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// say delivers a text to a topic, and returns what the client gets.
func (w *wire) say(topic, text string, d *Delivery) []string {
	w.t.Helper()
	w.deliver(topic, text, d)
	return w.read(0)
}

func (w *wire) deliver(topic, text string, d *Delivery) Outcome {
	var o Outgoing
	o.Reset(&message.Message{Topic: topic, Payload: []byte(text), QoS: d.QoS}, true, 0)
	outcome, _ := w.s.Deliver(&o, d)
	return outcome
}

// TestAlias: a topic comes by name with its alias, and then by the alias alone. [MQTT-3.1.2-26] [MQTT-3.3.2-11]
func TestAlias(t *testing.T) {
	_, w := attached(t, wide(), Attachment{TopicAliasMaximum: 2})
	w.read(0)
	want(t, w.say("abc", "x", &Delivery{}), "PUBLISH 0 q0 abc=x") // no longer than an alias
	want(t, w.say("press/1", "x", &Delivery{}), "PUBLISH 0 q0 press/1=x alias 1")
	want(t, w.say("press/1", "y", &Delivery{QoS: 1}), "PUBLISH 1 q1 =press/1=y alias 1")
	want(t, w.say("press/2", "x", &Delivery{QoS: 2, SubscriptionIDs: []uint32{7}}), "PUBLISH 2 q2 press/2=x alias 2 [7]")
	want(t, w.say("press/2", "y", &Delivery{Retain: true, SubscriptionIDs: []uint32{7, 300}}), "PUBLISH 0 q0 =press/2=y retain alias 2 [7 300]")
	want(t, w.say("press/1", strings.Repeat("z", ByReference), &Delivery{QoS: 1}), "PUBLISH 3 q1 =press/1=zzzzzzzzzzzzzzzz alias 1")
}

// TestAliasForwards: what a shared encoding patches is not what the publisher has given.
func TestAliasForwards(t *testing.T) {
	text := byte(1)
	forward := packet.AppendForward(nil, &packet.PublishProperties{
		PayloadFormat: &text, CorrelationData: []byte{0x23, 0, 9}, User: []packet.UserProperty{{Name: "a", Value: "b"}},
	})
	var o Outgoing
	o.Reset(&message.Message{Topic: "press/1", Payload: []byte("x"), Forward: forward, QoS: 1, Expires: 9000}, true, 0)
	for i := range 3 { // of the second on, the clients share an encoding
		_, w := attached(t, wide(), Attachment{TopicAliasMaximum: 40})
		for n := range i * 3 {
			w.say(fmt.Sprint("other/", n), "", &Delivery{QoS: 1})
		}
		w.say("press/1", "", &Delivery{})
		w.s.Deliver(&o, &Delivery{QoS: 1})
		got := w.packets(0)
		if len(got) != 1 {
			t.Fatalf("%d packets", len(got))
		}
		p := got[0].publish
		if string(p.Forward) != string(forward) || p.Alias != uint16(i*3+1) || p.PacketID != uint16(i*3+1) || p.Expiry != 9 || string(p.Topic) != "=press/1" {
			t.Errorf("session %d: %+v", i, p)
		}
	}
}

// TestAliasOfDropped: a message that is dropped takes no alias with it.
func TestAliasOfDropped(t *testing.T) {
	limits := wide()
	limits.MaxOutbound = 30
	_, w := attached(t, limits, Attachment{TopicAliasMaximum: 9, MaxPacketSize: 40})
	w.read(0)
	if got := w.deliver("press/1", strings.Repeat("x", 40), &Delivery{}); got != Dropped {
		t.Fatalf("too large: %v", got)
	}
	w.deliver("press/2", strings.Repeat("y", 20), &Delivery{})
	if got := w.deliver("press/3", "x", &Delivery{}); got != Dropped {
		t.Fatalf("full: %v", got)
	}
	want(t, w.read(0), "PUBLISH 0 q0 press/2=yyyyyyyyyyyyyyyy alias 1")
	want(t, w.say("press/1", "x", &Delivery{}), "PUBLISH 0 q0 press/1=x alias 2")
	want(t, w.say("press/3", "x", &Delivery{}), "PUBLISH 0 q0 press/3=x alias 3")
}

// TestAliasSize: the client's Maximum Packet Size is held to what is sent. [MQTT-3.1.2-24]
func TestAliasSize(t *testing.T) {
	for size := 20; size < 60; size++ {
		limits := wide()
		_, w := attached(t, limits, Attachment{TopicAliasMaximum: 9, MaxPacketSize: uint32(size)})
		w.read(0)
		for n := range 80 {
			_, first := attached(t, limits, Attachment{TopicAliasMaximum: 9, MaxPacketSize: uint32(size)})
			first.read(0)
			dropped := first.deliver("a/long/topic", strings.Repeat("x", n), &Delivery{}) == Dropped
			if fits := 1+1+2+12+1+n <= size; fits == dropped {
				t.Fatalf("%d bytes of payload to a client that takes packets of %d: dropped %v", n, size, dropped)
			}
			if first.read(0); first.bytes > size {
				t.Fatalf("a packet of %d bytes to a client that takes %d", first.bytes, size)
			}
			for range 2 {
				dropped := w.deliver("a/long/topic", strings.Repeat("x", n), &Delivery{}) == Dropped
				if w.read(0); w.bytes > size {
					t.Fatalf("a packet of %d bytes to a client that takes %d", w.bytes, size)
				}
				// By its alias, which the first small ones have set up, a message of n takes this.
				if fits := 1+1+2+1+aliasSize+n <= size; n > 0 && size >= 30 && fits == dropped {
					t.Fatalf("%d bytes of payload to a client that takes packets of %d: dropped %v", n, size, dropped)
				}
			}
		}
	}
}

// TestAliasAfterReconnect: a new connection begins with no aliases, also for what is sent again. [MQTT-3.3.2-7]
func TestAliasAfterReconnect(t *testing.T) {
	s, w := attached(t, wide(), Attachment{TopicAliasMaximum: 1, Durable: true})
	w.read(0)
	w.say("press/1", "x", &Delivery{QoS: 1})
	w.say("press/1", "y", &Delivery{QoS: 2})
	s.Detach(w.sink)
	w.deliver("press/1", "z", &Delivery{QoS: 1})
	w.attach(Attachment{TopicAliasMaximum: 1, Durable: true})
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 press/1=x dup alias 1", "PUBLISH 2 q2 =press/1=y dup alias 1", "PUBLISH 3 q1 =press/1=z alias 1")
	s.Detach(w.sink)
	w.attach(Attachment{Durable: true})
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 press/1=x dup", "PUBLISH 2 q2 press/1=y dup", "PUBLISH 3 q1 press/1=z dup")
}

// TestAliasesKeepWhatIsUsed: once all are taken, topics in use keep theirs beside a stream of others.
func TestAliasesKeepWhatIsUsed(t *testing.T) {
	_, w := attached(t, wide(), Attachment{TopicAliasMaximum: 4})
	w.read(0)
	for n := range 3 {
		w.say(fmt.Sprint("steady/", n), "x", &Delivery{})
	}
	named := 0
	for n := range 400 {
		steady := fmt.Sprint("steady/", n%3)
		if got := w.say(steady, "x", &Delivery{}); !strings.Contains(got[0], "="+steady+"=") {
			named++
		}
		w.say(fmt.Sprint("once/", n), "x", &Delivery{})
	}
	if named > 20 {
		t.Errorf("%d of 400 steady messages have come by name", named)
	}
	if got := w.s.aliases; len(got.slots) != 4 || len(got.known) != 4 {
		t.Errorf("%d slots and %d topics, of at most 4", len(got.slots), len(got.known))
	}
}

// TestAliasesGive: aliases whose topics are not used any more go to those that are.
func TestAliasesGive(t *testing.T) {
	_, w := attached(t, wide(), Attachment{TopicAliasMaximum: 4})
	w.read(0)
	for n := range 4 {
		w.say(fmt.Sprint("old/", n), "x", &Delivery{})
	}
	for n := range 40 {
		w.say(fmt.Sprint("new/", n%4), "x", &Delivery{})
	}
	for n := range 4 {
		topic := fmt.Sprint("new/", n)
		if got := w.say(topic, "x", &Delivery{}); !strings.Contains(got[0], "="+topic+"=") {
			t.Errorf("%s has no alias", topic)
		}
	}
}

// TestAliasesModel: the client knows what every alias stands for, whatever the topics; wire fails if not.
func TestAliasesModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		_, w := attached(t, wide(), Attachment{TopicAliasMaximum: uint16(random.IntN(6))})
		w.read(0)
		topics := 1 + random.IntN(12)
		for range 200 {
			topic := fmt.Sprint("topic/", random.IntN(topics))
			got := w.say(topic, "x", &Delivery{})
			if !strings.Contains(got[0], " "+topic+"=") && !strings.Contains(got[0], " ="+topic+"=") {
				t.Fatalf("%s instead of %s", got[0], topic)
			}
		}
	}
}

// TestNoPacketCanCarry: a message whose PUBLISH would be larger than MQTT can express is dropped and counted.
func TestNoPacketCanCarry(t *testing.T) {
	limits := wide()
	_, w := attached(t, limits, Attachment{})
	w.read(0)
	var o Outgoing
	const head = 1 + 4 + 2 + len("press") + 1
	for _, test := range []struct {
		payload int
		want    Outcome
	}{{packet.MaxSize - head, Sent}, {packet.MaxSize - head + 1, Dropped}} {
		limits.MaxOutbound = 2 * packet.MaxSize
		o.Reset(&message.Message{Topic: "press", Payload: make([]byte, test.payload)}, true, 0)
		if got, _ := w.s.Deliver(&o, &Delivery{}); got != test.want {
			t.Errorf("a payload of %d bytes: %v", test.payload, got)
		}
	}
	if got := limits.Drops.TooLarge.Load(); got != 1 {
		t.Errorf("%d drops are counted", got)
	}
}
