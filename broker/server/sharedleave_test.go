package server_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// holder is a member that has six messages: 0 and 1 are in flight, the others wait.
func holder(b *broker, clean bool, qos byte) *mqtttest.Client {
	b.t.Helper()
	p := hello("holder", clean, packet.V5)
	p.Properties.ReceiveMaximum = 2
	c := mqtttest.Start(b.t, b.addr(), p)
	c.Subscribe(filter(shared, qos))
	pub := b.connect("pub", true, packet.V5)
	for i := range 6 {
		pub.Say("t", fmt.Sprint(i), qos)
	}
	c.ExpectMessage("t", "0")
	c.ExpectMessage("t", "1")
	return c
}

// movable is what may be moved of the six when the connection has ended: a QoS 2 message that was sent may not.
func movable(qos byte) map[string]int {
	m := numbers(6)
	if qos == 2 {
		delete(m, "0")
		delete(m, "1")
	}
	return m
}

// gets fails unless c gets exactly these messages, in any order.
func gets(t *testing.T, c *mqtttest.Client, want map[string]int) {
	t.Helper()
	if diff := cmp.Diff(want, texts(receive(t, c, len(want)))); diff != "" {
		t.Error(diff)
	}
	c.Quiet()
}

// each runs a test for QoS 1 and 2, on both stores, with other members that end with their connections and that do not.
func each(t *testing.T, test func(t *testing.T, cfg config.Config, qos byte, clean bool)) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		for qos := byte(1); qos <= 2; qos++ {
			for _, clean := range []bool{true, false} {
				t.Run(fmt.Sprintf("QoS %d, clean %v", qos, clean), func(t *testing.T) {
					cfg := cfg
					if cfg.Store.Dir != "" {
						cfg.Store.Dir = t.TempDir()
					}
					test(t, cfg, qos, clean)
				})
			}
		}
	})
}

// TestSharedConnectionEnds: the others get what the member has not acknowledged; a QoS 2 message that was sent is
// completed with it. [MQTT-4.8.2-4]
func TestSharedConnectionEnds(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		c := holder(b, false, qos)
		other := pool(b, 1, clean, qos)[0]
		other.Quiet()
		c.Close()
		gets(t, other, movable(qos))
		c, present := resume(t, b, "holder", packet.V5)
		if !present {
			t.Error("the session is gone")
		}
		if qos == 2 {
			for i, p := range receive(t, c, 2) {
				if string(p.Payload) != fmt.Sprint(i) || !p.Dup {
					t.Errorf("message %s, DUP %v", p.Payload, p.Dup)
				}
			}
		}
		c.Quiet()
		for range 2 { // both are members still
			b.connect("pub", true, packet.V5).Say("t", "x", qos)
		}
		receive(t, c, 1)
		receive(t, other, 1)
	})
}

// TestSharedUnsubscribe: what has begun is completed, and what has not is for others. [MQTT-3.10.4-4]
func TestSharedUnsubscribe(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		c := holder(b, clean, qos)
		other := pool(b, 1, clean, qos)[0]
		c.Unsubscribe(shared)
		gets(t, other, map[string]int{"2": 1, "3": 1, "4": 1, "5": 1})
		for i := range 2 {
			kind := packet.TypePuback
			if qos == 2 {
				kind = packet.TypePubrec
			}
			c.Ack(kind, uint16(1+i))
			if qos == 2 {
				c.ExpectAck(packet.TypePubrel, uint16(1+i))
			}
		}
		c.Quiet()
	})
}

// TestSharedSessionEnds: with its session a member's messages go to others, also to those who are away; but a QoS 2 message
// that was sent goes to nobody. [MQTT-4.8.2-5]
func TestSharedSessionEnds(t *testing.T) {
	ends := map[string]func(t *testing.T, b *broker, c *mqtttest.Client, clock *clock){
		"with the connection": func(_ *testing.T, _ *broker, c *mqtttest.Client, _ *clock) {
			c.Disconnect(packet.Disconnect{HasSessionExpiry: true})
		},
		"clean start": func(t *testing.T, b *broker, c *mqtttest.Client, _ *clock) {
			c.Close()
			mqtttest.Start(t, b.addr(), hello("holder", true, packet.V5)).Quiet()
		},
		"expiry": func(t *testing.T, b *broker, c *mqtttest.Client, clock *clock) {
			c.Close()
			// The deadline of somebody else is set before, and taken back when the session's has come: so the timer is set anew.
			p := hello("soon", false, packet.V5)
			p.Properties.SessionExpiry = 600
			mqtttest.Start(t, b.addr(), p).Disconnect(packet.Disconnect{})
			eventually(t, "the member has left", func() bool { return b.Metrics().Connections <= 2 })
			clock.advance(3601)
			mqtttest.Start(t, b.addr(), p).Disconnect(packet.Disconnect{HasSessionExpiry: true})
			eventually(t, "its session has ended", func() bool { return b.Metrics().Sessions <= 3 })
		},
	}
	for name, end := range ends {
		for _, where := range []string{"connected", "away"} {
			t.Run(name+"/"+where, func(t *testing.T) {
				each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
					if clean && where == "away" {
						t.Skip("there is no such session")
					}
					clock := new(clock)
					b := startAt(t, cfg, clock)
					c := holder(b, false, qos)
					var other *mqtttest.Client
					if where == "away" {
						p := hello("worker 0", false, packet.V5)
						p.Properties.SessionExpiry *= 2
						other = mqtttest.Start(t, b.addr(), p)
						other.Subscribe(filter(shared, 2))
						other.Disconnect(packet.Disconnect{})
					} else {
						other = pool(b, 1, clean, 2)[0]
					}
					end(t, b, c, clock)
					if where == "away" {
						other, _ = resume(t, b, "worker 0", packet.V5)
					}
					gets(t, other, movable(qos))
					eventually(t, "nothing is queued", func() bool { return b.Metrics().QueuedMessages == 0 })
				})
			})
		}
	}
}

// TestSharedCleanMember: also a session that ends with its connection leaves its messages to others.
func TestSharedCleanMember(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		c := holder(b, true, qos)
		other := pool(b, 1, clean, qos)[0]
		c.Reset()
		gets(t, other, movable(qos))
	})
}

// TestSharedNobodyLeft: without another member what waits stays with a persistent session, for it or for the next who comes.
func TestSharedNobodyLeft(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		holder(b, false, qos).Close()
		c, _ := resume(t, b, "holder", packet.V5)
		takeAll(t, c, "0", "1", "2", "3", "4", "5")
		c.Disconnect(packet.Disconnect{HasSessionExpiry: true})

		holder(b, false, qos).Close()
		gets(t, pool(b, 1, clean, qos)[0], movable(qos))
	})
}

// TestSharedDroppedWithSession: messages of a session that ends are dropped and counted if there is no other member.
func TestSharedDroppedWithSession(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		for qos := byte(1); qos <= 2; qos++ {
			b := start(t, cfg)
			holder(b, false, qos).Disconnect(packet.Disconnect{HasSessionExpiry: true})
			mqtttest.Start(t, b.addr(), hello("holder", true, packet.V5)).Quiet()
			eventually(t, fmt.Sprintf("QoS %d: all are counted as dropped", qos), func() bool { // the mover does that, in its own time
				return b.Metrics().Dropped["no_member"] == uint64(len(movable(qos)))
			})
			b.stop()
		}
	})
}

// TestSharedRefusedByMember: what a member answers with a failure goes to nobody else. [MQTT-4.8.2-6]
func TestSharedRefusedByMember(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		c := holder(b, false, qos)
		other := pool(b, 1, clean, qos)[0]
		kind := packet.TypePuback
		if qos == 2 {
			kind = packet.TypePubrec
		}
		a := packet.Ack{PacketID: 1, Reason: packet.UnspecifiedError}
		c.Send(a.Append(nil, kind, packet.V5))
		c.ExpectMessage("t", "2")
		c.Close()
		want := movable(qos)
		delete(want, "0")
		if qos == 2 {
			delete(want, "2") // it was sent
		}
		gets(t, other, want)
	})
}

// TestSharedRestart: a group and what waits at its members survive a restart; the first who comes back gets it.
func TestSharedRestart(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		cfg := durable(t)
		b := start(t, cfg)
		c := holder(b, false, qos)
		away(t, b, "worker 0", packet.V5, filter(shared, qos))
		c.Disconnect(packet.Disconnect{})
		b.stop()
		b = start(t, cfg)
		other, present := resume(t, b, "worker 0", packet.V5)
		if !present {
			t.Error("the session is gone")
		}
		gets(t, other, movable(qos))
		b.stop()
		b = start(t, cfg)
		other, _ = resume(t, b, "worker 0", packet.V5)
		other.Quiet()
		c, _ = resume(t, b, "holder", packet.V5)
		if qos == 2 {
			takeAll(t, c, "0", "1")
		}
		c.Quiet()
	}
}

// TestSharedFullStore: what a session leaves to another needs no room, so that it is not dropped when there is none.
func TestSharedFullStore(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		b, f := startFaulty(t, durable(t))
		c := holder(b, false, qos)
		other := pool(b, 1, false, qos)[0]
		f.mode.Store(full)
		c.Disconnect(packet.Disconnect{HasSessionExpiry: true})
		gets(t, other, movable(qos))
		if n := b.Metrics().Dropped["no_member"]; n != 0 {
			t.Errorf("%d dropped", n)
		}
		b.stop()
	}
}
