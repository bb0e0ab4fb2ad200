package server_test

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// retainMany has so many topics r/0 and on have a retained message.
func retainMany(b *broker, topics int) {
	pub := b.connect("retainer", true, packet.V5)
	var all []byte
	for i := range topics {
		p := text(fmt.Sprint("r/", i), "x", 0)
		p.Retain = true
		all = p.Append(all, packet.V5)
	}
	pub.Send(all)
	pub.Quiet()
	pub.Close()
}

// TestRetainedAtTakeover: a client that takes its session over gets what the connection before has left of the retained messages,
// each once, though that was just about to send some.
func TestRetainedAtTakeover(t *testing.T) {
	b := start(t, open(t))
	const topics = 5000
	retainMany(b, topics)
	b.connect("retainer", true, packet.V5).Retain("zz", "x")
	for range 20 {
		b.connect("c", true, packet.V5).Disconnect(packet.Disconnect{})
		first, _ := resume(t, b, "c", packet.V5)
		s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("r/#", 0)}}
		first.Send(s.Append(nil, packet.V5))
		c := mqtttest.Start(t, b.addr(), hello("c", false, packet.V5))
		zz := packet.Subscribe{PacketID: 2, Filters: []packet.Filter{filter("zz", 0)}} // comes when r/# is done
		c.Send(zz.Append(nil, packet.V5))
		got := make(map[string]int)
		for got["zz"] == 0 {
			if p := c.Packet(); p.Type == packet.TypePublish {
				got[string(p.Publish.Topic)]++
			}
		}
		for name, times := range got {
			if times > 1 {
				t.Fatalf("%s came %d times", name, times)
			}
		}
		c.Close()
		first.Close()
	}
}
