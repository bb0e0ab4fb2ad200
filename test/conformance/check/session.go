package check

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// present connects and fails unless session present is as wanted.
func present(t *suite.T, hello packet.Connect, want bool) *suite.Peer {
	t.Helper()
	p := t.Dial()
	ack := p.Connect(hello)
	if ack.Reason != packet.Success || ack.SessionPresent != want {
		t.Fatalf("CONNACK: %v, session present %v, not %v", ack.Reason, ack.SessionPresent, want)
	}
	return p
}

// Resumed checks that a session goes on where it was: its subscriptions and its messages.
func Resumed(t *suite.T) {
	topic := t.Topic("a")
	sub := present(t, t.Hello("sub", false), false)
	sub.Join(topic, 1)
	sub.Leave()
	pub := t.Client("pub")
	pub.Say(topic, "meanwhile", 1)
	sub = present(t, t.Hello("sub", false), true)
	sub.Take(topic, "meanwhile")
	pub.Say(topic, "later", 1)
	sub.Take(topic, "later")
	sub.Quiet() // the broker has read the acknowledgement
	sub.Close() // nor does it need a DISCONNECT
	sub = present(t, t.Hello("sub", false), true)
	pub.Say(topic, "again", 1)
	sub.Take(topic, "again")
}

// OfflineStored checks that QoS 1 and 2 messages for a session without connection are kept for it.
func OfflineStored(t *suite.T) {
	sub := t.Keep("sub")
	sub.Join(t.Topic("1"), 1)
	sub.Join(t.Topic("2"), 2)
	sub.Leave()
	pub := t.Client("pub")
	pub.Say(t.Topic("1"), "one", 1)
	pub.Say(t.Topic("2"), "two", 2)
	sub = t.Keep("sub")
	if got := sub.Take(t.Topic("1"), "one"); got.QoS != 1 {
		t.Errorf("QoS %d", got.QoS)
	}
	if got := sub.Take(t.Topic("2"), "two"); got.QoS != 2 {
		t.Errorf("QoS %d", got.QoS)
	}
}

// CleanDiscards checks that a clean start ends the session that was, with all that belongs to it.
func CleanDiscards(t *suite.T) {
	topic := t.Topic("a")
	pub := t.Client("pub")
	sub := t.Keep("sub")
	sub.Join(topic, 1)
	pub.Say(topic, "unacknowledged", 1)
	sub.ExpectMessage(topic, "unacknowledged")
	sub.Close()
	pub.Say(topic, "meanwhile", 1)
	sub = present(t, t.Hello("sub", true), false)
	pub.Say(topic, "later", 1)
	sub.Quiet()
	sub.Leave()
	sub = present(t, t.Hello("sub", false), false)
	sub.Quiet()
}

// RetainedOutlives checks that a retained message is not part of a session and outlives it.
func RetainedOutlives(t *suite.T) {
	topic := t.Topic("a")
	pub := t.Client("pub")
	pub.Publish(suite.Retained(topic, "kept", 1))
	pub.Leave()
	pub = t.Client("pub") // with a new session
	pub.Join(topic, 1)
	pub.Take(topic, "kept")
	forget(t, topic)
}

// CleanNotPresent checks that after a clean start there is no session present, though there was one.
func CleanNotPresent(t *suite.T) {
	present(t, t.Hello("a", true), false).Leave()
	t.Keep("b").Leave()
	hello := t.Hello("b", true)
	present(t, hello, false)
}

// Present checks that session present says whether there was a session.
func Present(t *suite.T) {
	present(t, t.Hello("a", false), false).Leave()
	present(t, t.Hello("a", false), true).Leave()
}

// NotPresent checks that without a session before, none is present.
func NotPresent(t *suite.T) {
	present(t, t.Hello("a", false), false).Leave()
	present(t, t.Hello("b", true), false).Leave()
	present(t, t.Hello("b", false), false).Leave()
}

// Lasts checks that a session lasts as long as its connection: nothing of it is lost while it is open.
func Lasts(t *suite.T) {
	topic := t.Topic("a")
	pub, sub := t.Client("pub"), t.Client("sub")
	sub.Join(topic, 1)
	for _, text := range []string{"one", "two", "three"} {
		pub.Say(topic, text, 1)
		sub.Take(topic, text)
		sub.Quiet()
	}
}

// Kept checks that a session's state is all there after the connection ended: subscriptions, messages not sent and not
// acknowledged, and the packet identifiers of QoS 2 messages received.
func Kept(t *suite.T) {
	in, out := t.Topic("in"), t.Topic("out")
	watch, pub := t.Client("watch"), t.Client("pub")
	watch.Join(out, 2)
	c := t.Keep("c")
	c.Join(in, 1)
	pub.Say(in, "unacknowledged", 1)
	id := c.ExpectMessage(in, "unacknowledged").PacketID
	m := suite.Message(out, "once", 2)
	m.PacketID = 77
	c.SendPublish(m)
	c.ExpectAck(packet.TypePubrec, 77)
	c.Close()
	pub.Say(in, "not sent", 1)
	c = present(t, t.Hello("c", false), true)
	if got := c.Take(in, "unacknowledged"); got.PacketID != id || !got.Dup {
		t.Errorf("sent again with packet identifier %d, not %d, DUP %v", got.PacketID, id, got.Dup)
	}
	c.Take(in, "not sent")
	m.Dup = true
	c.SendPublish(m)
	c.ExpectAck(packet.TypePubrec, 77)
	c.Ack(packet.TypePubrel, 77)
	c.ExpectAck(packet.TypePubcomp, 77)
	pub.Say(out, "marker", 2)
	watch.ExpectMessage(out, "once") // before PUBREL or after it
	watch.ExpectMessage(out, "marker")
}

// OwnershipStored checks that each session with a matching subscription gets a message, with or without a connection.
func OwnershipStored(t *suite.T) {
	topic := t.Topic("a/b")
	on, off, other := t.Client("on"), t.Keep("off"), t.Client("other")
	on.Join(t.Topic("+/b"), 1)
	off.Join(t.Topic("a/#"), 1)
	other.Join(t.Topic("a/c"), 1)
	off.Leave()
	t.Client("pub").Say(topic, "x", 1)
	on.Take(topic, "x")
	t.Keep("off").Take(topic, "x")
	other.Quiet()
}
