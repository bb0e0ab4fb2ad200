package v5

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// sharing are two clients of a shared subscription at QoS 2, with sessions that outlive their connections, and a publisher.
func sharing(t *suite.T) (one, two, pub *suite.Peer, topic string) {
	topic = t.Topic("a")
	one, two, pub = t.Keep("one"), t.Keep("two"), t.Client("pub")
	one.Join("$share/g/"+topic, 2)
	two.Join("$share/g/"+topic, 2)
	return one, two, pub, topic
}

// got is who of the two has the message, and the message; the other has nothing.
func got(t *suite.T, one, two *suite.Peer, topic, text string) (has, hasNot *suite.Peer, name string, m packet.Publish) {
	t.Helper()
	one.Send([]byte{0xC0, 0})
	if p := one.Packet(); p.Type == packet.TypePublish {
		one.Expect(packet.TypePingresp)
		two.Quiet()
		if string(p.Publish.Topic) != topic || string(p.Publish.Payload) != text {
			t.Fatalf("PUBLISH %s %s", p.Publish.Topic, p.Publish.Payload)
		}
		return one, two, "one", p.Publish
	}
	return two, one, "two", two.ExpectMessage(topic, text)
}

func sharedQoS(t *suite.T) {
	for granted := range byte(3) {
		topic := t.Topic(fmt.Sprint(granted))
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join("$share/g/"+topic, granted)
		for qos := range byte(3) {
			pub.Say(topic, "x", qos)
			if m := sub.Take(topic, "x"); m.QoS != min(qos, granted) {
				t.Errorf("published at %d, granted %d, delivered at %d", qos, granted, m.QoS)
			}
		}
	}
}

func sharedCompleted(t *suite.T) {
	one, two, pub, topic := sharing(t)
	pub.Say(topic, "x", 2)
	has, other, name, m := got(t, one, two, topic, "x")
	has.Close()
	has = t.Keep(name)
	if again := has.ExpectMessage(topic, "x"); again.PacketID != m.PacketID || !again.Dup {
		t.Errorf("packet identifier %d, not %d, DUP %v", again.PacketID, m.PacketID, again.Dup)
	}
	has.Accept(m)
	has.Quiet()
	other.Quiet()
}

func sharedSessionEnds(t *suite.T) {
	one, two, pub, topic := sharing(t)
	pub.Say(topic, "x", 2)
	has, other, name, _ := got(t, one, two, topic, "x")
	has.Close()
	t.Client(name) // ends the session
	other.Quiet()
}

func sharedRefused(t *suite.T) {
	one, two, pub, topic := sharing(t)
	for qos, kind := range map[byte]packet.Type{1: packet.TypePuback, 2: packet.TypePubrec} {
		pub.Say(topic, "x", qos)
		has, other, _, m := got(t, one, two, topic, "x")
		has.Nack(kind, m.PacketID, packet.UnspecifiedError)
		has.Quiet()
		other.Quiet()
	}
}
