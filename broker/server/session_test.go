package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// resume connects id to its session and says whether there was one.
func resume(t *testing.T, b *broker, id string, v packet.Version) (*mqtttest.Client, bool) {
	t.Helper()
	c := mqtttest.Dial(t, b.addr())
	got := c.Connect(hello(id, false, v))
	if got.Reason != packet.Success {
		t.Fatalf("CONNACK: %v", got.Reason)
	}
	return c, got.SessionPresent
}

func TestSessionPresent(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		c, present := resume(t, b, "c", v)
		if present {
			t.Error("a new session is present")
		}
		c.Subscribe(filter("a", 1))
		c.Disconnect(packet.Disconnect{})
		c, present = resume(t, b, "c", v)
		if !present {
			t.Error("the session is not present")
		}
		b.connect("pub", true, v).Say("a", "x", 1)
		c.Take("a", "x")
		c.Disconnect(packet.Disconnect{})
		b.connect("c", true, v).Disconnect(packet.Disconnect{})
		if _, present = resume(t, b, "c", v); present {
			t.Error("the session is present after a clean start")
		}
	})
}

// TestTakeover: the older connection is told, and ended before CONNACK; the session goes on.
func TestTakeover(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		watch := b.connect("watch", true, v)
		watch.Subscribe(filter("will", 0))
		first := mqtttest.Dial(t, b.addr())
		p := hello("c", false, v)
		p.Will = &packet.Will{Topic: "will", Payload: []byte("gone")}
		first.Connect(p)
		first.Subscribe(filter("a", 1))
		for round := range 20 {
			next, present := resume(t, b, "c", v)
			if !present {
				t.Fatal("the session is not present")
			}
			if v == packet.V5 {
				first.ExpectDisconnect(packet.SessionTakenOver)
			} else {
				first.ExpectEnd()
			}
			if round == 0 {
				watch.Take("will", "gone")
			}
			b.connect("pub", true, v).Say("a", fmt.Sprint(round), 1)
			next.Take("a", fmt.Sprint(round))
			next.Quiet() // the acknowledgement has arrived
			first = next
		}
	})
}

func TestTakeoverMany(t *testing.T) {
	b := run(t, open(t))
	const many = 30
	ended := make(chan error, many)
	for range many {
		c := mqtttest.Dial(t, b.addr())
		p := hello("same", false, packet.V5)
		c.Send(p.Append(nil))
		go func() {
			for {
				if _, err := c.Next(); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	for range many - 1 {
		select {
		case <-ended:
		case <-time.After(mqtttest.Patience):
			t.Fatal("older connections are not ended")
		}
	}
	select {
	case <-ended:
		t.Error("the last connection is ended too")
	default:
	}
}

// TestOffline: what comes while the client is away waits for it; what it does not acknowledge comes
// again, with DUP and its packet identifier; PUBREL where PUBREC has come.
func TestOffline(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		c, _ := resume(t, b, "c", v)
		c.Subscribe(filter("a", 2))
		c.Disconnect(packet.Disconnect{})
		pub := b.connect("pub", true, v)
		for i := range 5 {
			pub.Say("a", fmt.Sprint(i), byte(1+i%2))
			pub.Say("a", "lost", 0)
		}
		c, _ = resume(t, b, "c", v)
		var first []packet.Publish
		for i := range 5 {
			p := c.ExpectMessage("a", fmt.Sprint(i))
			if p.Dup || p.QoS != byte(1+i%2) {
				t.Errorf("message %d: DUP %v QoS %d", i, p.Dup, p.QoS)
			}
			first = append(first, p)
		}
		c.Accept(first[0])
		c.Ack(packet.TypePubrec, first[1].PacketID)
		c.ExpectAck(packet.TypePubrel, first[1].PacketID)
		c.Quiet()
		c.Close()

		c, _ = resume(t, b, "c", v)
		c.ExpectAck(packet.TypePubrel, first[1].PacketID)
		var again []packet.Publish
		for i := 2; i < 5; i++ {
			p := c.ExpectMessage("a", fmt.Sprint(i))
			if !p.Dup || p.PacketID != first[i].PacketID {
				t.Errorf("message %d again: DUP %v, identifier %d, and not %d", i, p.Dup, p.PacketID, first[i].PacketID)
			}
			again = append(again, p)
		}
		for _, p := range again {
			c.Accept(p)
		}
		c.Ack(packet.TypePubcomp, first[1].PacketID)
		c.Quiet()
		c.Disconnect(packet.Disconnect{})
		c, _ = resume(t, b, "c", v)
		c.Quiet()
	})
}

// TestQoS2Inbound: a PUBLISH that is repeated, on the same connection or the next, is published once.
func TestQoS2Inbound(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		sub, _ := resume(t, b, "sub", v)
		sub.Subscribe(filter("a", 2))
		pub, _ := resume(t, b, "pub", v)
		p := text("a", "once", 2)
		p.PacketID = 77
		again := p
		again.Dup = true
		pub.SendPublish(p)
		pub.SendPublish(again)
		pub.ExpectAck(packet.TypePubrec, 77)
		pub.ExpectAck(packet.TypePubrec, 77)
		pub.Reset()
		pub, _ = resume(t, b, "pub", v)
		pub.SendPublish(again)
		pub.ExpectAck(packet.TypePubrec, 77)
		pub.Ack(packet.TypePubrel, 77)
		pub.ExpectAck(packet.TypePubcomp, 77)
		pub.Ack(packet.TypePubrel, 77)
		if got := pub.ExpectAck(packet.TypePubcomp, 77); v == packet.V5 && got.Reason != packet.PacketIdentifierNotFound {
			t.Errorf("PUBREL of an unknown identifier: %v", got.Reason)
		}
		sub.Take("a", "once")
		sub.Quiet()
		pub.SendPublish(p) // the identifier is free: a new message
		pub.ExpectAck(packet.TypePubrec, 77)
		sub.Take("a", "once")
	})
}

// TestAckOrder: acknowledgements come in the order of the PUBLISHes, also where some wait for the
// disk and others do not. [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func TestAckOrder(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		stored, _ := resume(t, b, "stored", v)
		stored.Subscribe(filter("stored", 2))
		b.connect("clean", true, v).Subscribe(filter("clean", 2))
		pub, _ := resume(t, b, "pub", v)
		for range 50 {
			var raw []byte
			var ids []uint16
			var kinds []packet.Type
			for i := range 20 {
				p := text([]string{"stored", "clean", "nobody"}[i%3], "x", byte(1+i/2%2))
				p.PacketID = pub.ID()
				raw = p.Append(raw, v)
				ids, kinds = append(ids, p.PacketID), append(kinds, []packet.Type{packet.TypePuback, packet.TypePubrec}[p.QoS-1])
			}
			pub.Send(raw)
			for i, id := range ids {
				pub.ExpectAck(kinds[i], id)
			}
			for i, id := range ids {
				if kinds[i] == packet.TypePubrec {
					pub.Ack(packet.TypePubrel, id)
					pub.ExpectAck(packet.TypePubcomp, id)
				}
			}
		}
	})
}

// TestReceiveMaximum: no more than the client takes is unacknowledged; and a client that sends more
// than it may is ended with 0x93.
func TestReceiveMaximum(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.ReceiveMaximum = 3
	b := run(t, cfg)
	p := hello("c", true, packet.V5)
	p.Properties.ReceiveMaximum = 2
	c := mqtttest.Dial(t, b.addr())
	if got := c.Connect(p); got.Properties.ReceiveMaximum != 3 {
		t.Errorf("CONNACK's Receive Maximum is %d", got.Properties.ReceiveMaximum)
	}
	c.Subscribe(filter("a", 2))
	pub := b.connect("pub", true, packet.V5)
	for i := range 5 {
		pub.Say("a", fmt.Sprint(i), byte(1+i%2))
	}
	first, second := c.ExpectMessage("a", "0"), c.ExpectMessage("a", "1")
	c.Quiet()
	c.Accept(first)
	third := c.ExpectMessage("a", "2")
	c.Ack(packet.TypePubrec, second.PacketID)
	c.ExpectAck(packet.TypePubrel, second.PacketID)
	c.Quiet() // until PUBCOMP
	c.Ack(packet.TypePubcomp, second.PacketID)
	c.Accept(third)
	fourth, fifth := c.ExpectMessage("a", "3"), c.ExpectMessage("a", "4")
	c.Accept(fourth)
	c.Accept(fifth)
	c.Quiet()

	for range 3 {
		pub.ExpectAck(packet.TypePubrec, pub.SendPublish(text("b", "", 2)))
	}
	pub.SendPublish(text("b", "", 2))
	pub.ExpectDisconnect(packet.ReceiveMaximumExceeded)
}

// TestSessionExpiry: a session ends when its interval has passed, and not before.
func TestSessionExpiry(t *testing.T) {
	b := run(t, open(t))
	watch := b.connect("watch", true, packet.V5)
	watch.Subscribe(filter("will", 0))
	p := hello("c", false, packet.V5)
	p.Properties.SessionExpiry = 1
	p.Will = &packet.Will{Topic: "will", Payload: []byte("expired"), Delay: 3600} // so sent when the session ends
	c := mqtttest.Start(t, b.addr(), p)
	c.Close()
	c = mqtttest.Dial(t, b.addr())
	if !c.Connect(p).SessionPresent {
		t.Error("the session is gone at once")
	}
	watch.Quiet()
	c.Close()
	watch.Take("will", "expired")
	c = mqtttest.Dial(t, b.addr())
	if c.Connect(p).SessionPresent {
		t.Error("the session is there after its will")
	}

	c = mqtttest.Start(t, b.addr(), hello("d", false, packet.V5))
	c.Disconnect(packet.Disconnect{HasSessionExpiry: true, SessionExpiry: 0})
	if _, present := resume(t, b, "d", packet.V5); present {
		t.Error("DISCONNECT with a session expiry of 0 does not end the session")
	}
	c = b.connect("e", true, packet.V5)
	d := packet.Disconnect{HasSessionExpiry: true, SessionExpiry: 5}
	c.Send(d.Append(nil, packet.V5))
	c.ExpectDisconnect(packet.ProtocolError)
}

// TestAnotherUser: a session is its user's; the same client identifier alone does not get it.
func TestAnotherUser(t *testing.T) {
	cfg := open(t)
	cfg.AuthFiles.PasswordFile = write(t, t.TempDir(), "passwd", passwords(t, "ann", "bob"))
	cfg.Authentication.AllowAnonymous = false
	b := run(t, cfg)
	as := func(user string) packet.Connect {
		p := hello("same", false, packet.V5)
		p.HasUsername, p.Username, p.HasPassword, p.Password = true, user, true, []byte(user)
		return p
	}
	c := mqtttest.Start(t, b.addr(), as("ann"))
	c.Subscribe(filter("a", 1))
	c.Disconnect(packet.Disconnect{})
	c = mqtttest.Dial(t, b.addr())
	if !c.Connect(as("ann")).SessionPresent {
		t.Error("ann does not get her session")
	}
	c.Disconnect(packet.Disconnect{})
	c = mqtttest.Dial(t, b.addr())
	if c.Connect(as("bob")).SessionPresent {
		t.Error("bob gets ann's session")
	}
}

func TestAssignedClientID(t *testing.T) {
	b := run(t, open(t))
	ids := map[string]bool{}
	for range 3 {
		c := mqtttest.Dial(t, b.addr())
		ids[c.Connect(packet.Connect{CleanStart: true}).Properties.AssignedClientID] = true
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("assigned: %v", ids)
	}
	c := mqtttest.Dial(t, b.addr())
	if got := c.Connect(packet.Connect{Version: packet.V311, CleanStart: true}); got.Reason != packet.Success {
		t.Errorf("3.1.1, clean: %v", got.Reason)
	}
	c = mqtttest.Dial(t, b.addr())
	if got := c.Connect(packet.Connect{Version: packet.V311}); got.Reason != packet.ClientIdentifierNotValid {
		t.Errorf("3.1.1, not clean: %v", got.Reason)
	}
}
