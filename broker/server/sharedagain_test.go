package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestSharedSubscribesAgain: who gives up a shared subscription and takes it again at once keeps its messages: they are not
// given to it over and over.
func TestSharedSubscribesAgain(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		away(t, b, "other", packet.V5, filter(shared, qos)) // so that there is a group all the while
		c := holder(b, clean, qos)
		un := packet.Unsubscribe{PacketID: 100, Filters: []string{shared}}
		again := packet.Subscribe{PacketID: 101, Filters: []packet.Filter{filter(shared, qos)}}
		c.Send(again.Append(un.Append(nil, packet.V5), packet.V5))
		for range 2 {
			if p := c.Packet(); p.Type != packet.TypeUnsuback && p.Type != packet.TypeSuback {
				t.Fatalf("%v", p.Type)
			}
		}
		c.Quiet()
		eventually(t, "nothing is moved any more", func() bool { return !b.Moving() })
		kinds := []packet.Type{packet.TypePuback}
		if qos == 2 {
			kinds = []packet.Type{packet.TypePubrec, packet.TypePubcomp}
		}
		for _, kind := range kinds {
			for id := uint16(1); id <= 2; id++ {
				c.Ack(kind, id)
				if kind == packet.TypePubrec {
					c.ExpectAck(packet.TypePubrel, id)
				}
			}
		}
		if diff := cmp.Diff(map[string]int{"2": 1, "3": 1, "4": 1, "5": 1}, texts(receive(t, c, 4))); diff != "" {
			t.Error(diff)
		}
		c.Quiet()
	})
}

// TestSharedGivenUpBeforeRestart: what a session has by a subscription that it has given up goes to others when it ends, also
// after a restart.
func TestSharedGivenUpBeforeRestart(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		cfg := durable(t)
		b := start(t, cfg)
		c := holder(b, false, qos)
		c.Unsubscribe(shared)
		c.Disconnect(packet.Disconnect{})
		b.stop()
		b = start(t, cfg)
		other := pool(b, 1, true, qos)[0]
		mqtttest.Start(t, b.addr(), hello("holder", true, packet.V5)).Quiet()
		gets(t, other, movable(qos))
		b.stop()
	}
}

// TestSharedGroupAnew: a group that had no members for a moment is the same one: what its only member got before goes to the
// others when that leaves.
func TestSharedGroupAnew(t *testing.T) {
	each(t, func(t *testing.T, cfg config.Config, qos byte, clean bool) {
		b := run(t, cfg)
		c := holder(b, clean, qos)
		un := packet.Unsubscribe{PacketID: 100, Filters: []string{shared}}
		again := packet.Subscribe{PacketID: 101, Filters: []packet.Filter{filter(shared, qos)}}
		c.Send(again.Append(un.Append(nil, packet.V5), packet.V5))
		for range 2 {
			if p := c.Packet(); p.Type != packet.TypeUnsuback && p.Type != packet.TypeSuback {
				t.Fatalf("%v", p.Type)
			}
		}
		other := pool(b, 1, clean, qos)[0]
		c.Reset()
		gets(t, other, movable(qos))
		if n := b.Metrics().Dropped["no_member"]; n != 0 {
			t.Errorf("%d dropped", n)
		}
	})
}
