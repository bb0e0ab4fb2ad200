package server_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// onBoth runs a test with the store in memory and on disk.
func onBoth(t *testing.T, test func(t *testing.T, cfg config.Config)) {
	for _, kind := range []string{"memory", "disk"} {
		t.Run(kind, func(t *testing.T) {
			cfg := open(t)
			if kind == "disk" {
				cfg = durable(t)
			}
			test(t, cfg)
		})
	}
}

// slowly connects a client that takes one message at a time.
func slowly(b *broker, id string, clean bool) *mqtttest.Client {
	p := hello(id, clean, packet.V5)
	p.Properties.ReceiveMaximum = 1
	return mqtttest.Start(b.t, b.addr(), p)
}

// TestDropOldestOfConnected: the queue of a client that is there and slow is bounded too, and it is the
// oldest that go, also of those that are ready to be sent.
func TestDropOldestOfConnected(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.DropOldest, 4
		b := start(t, cfg)
		c := slowly(b, "slow", false)
		c.Subscribe(filter("a", 1))
		pub := b.connect("pub", true, packet.V5)
		for i := range 400 {
			pub.Say("a", fmt.Sprint(i), 1)
		}
		takeAll(t, c, "0", "396", "397", "398", "399")
		last(c, b, "a")
	})
}

// TestDropOldestAfterRestart: a restart does not make messages undroppable, nor sent before.
func TestDropOldestAfterRestart(t *testing.T) {
	cfg := durable(t)
	cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.DropOldest, 4
	b := start(t, cfg)
	away(t, b, "away", packet.V5, filter("a", 1))
	for i := range 8 {
		if i == 4 {
			b.stop()
			b = start(t, cfg)
		}
		b.connect("pub", true, packet.V5).Say("a", fmt.Sprint(i), 1)
	}
	c, _ := resume(t, b, "away", packet.V5)
	for i := 4; i < 8; i++ {
		if p := c.Take("a", fmt.Sprint(i)); p.Dup {
			t.Errorf("message %d was never sent, and has DUP", i)
		}
	}
	last(c, b, "a")
}

// TestInflightDoesNotWait: what was in flight when the client left does not count as waiting.
func TestInflightDoesNotWait(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.DropOldest, 4
		b := start(t, cfg)
		c, _ := resume(t, b, "c", packet.V5)
		c.Subscribe(filter("a", 1))
		pub := b.connect("pub", true, packet.V5)
		var want []string
		for i := range 8 {
			want = append(want, fmt.Sprint(i))
			if pub.Say("a", want[i], 1); i < 4 {
				c.ExpectMessage("a", want[i])
			}
			if i == 3 {
				c.Disconnect(packet.Disconnect{})
			}
		}
		c, _ = resume(t, b, "c", packet.V5)
		takeAll(t, c, want...)
		last(c, b, "a")
	})
}

// TestRefuseBusy: with Refuse, what is acknowledged as published arrives, however many publish at once.
func TestRefuseBusy(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.Refuse, 5
		b := start(t, cfg)
		c := slowly(b, "slow", false)
		c.Subscribe(filter("a", 1))
		var published atomic.Int32
		var publishing sync.WaitGroup
		for i := range 8 {
			pub := b.connect(fmt.Sprint("pub ", i), true, packet.V5)
			publishing.Go(func() {
				for range 200 {
					if pub.Publish(text("a", "x", 1)) == packet.Success {
						published.Add(1)
					}
				}
			})
		}
		taken, over := make(chan int32), b.connect("over", true, packet.V5)
		go func() {
			n := int32(0)
			for {
				p, err := c.Next()
				if err != nil || string(p.Publish.Payload) == "over" {
					taken <- n
					return
				}
				n++
				c.Ack(packet.TypePuback, p.Publish.PacketID)
			}
		}()
		publishing.Wait()
		eventually(t, "there is room for the last", func() bool { return over.Publish(text("a", "over", 1)) == packet.Success })
		if n := <-taken; n != published.Load() {
			t.Errorf("%d were acknowledged as published, and %d arrive", published.Load(), n)
		}
	})
}

// TestRetainedBeyondLimits: a new subscription gets every retained message, whatever the queue's limits.
func TestRetainedBeyondLimits(t *testing.T) {
	for _, policy := range []config.QueuePolicy{config.DropOldest, config.DropNewest, config.Refuse} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprint(policy, " clean ", clean), func(t *testing.T) {
				cfg := durable(t)
				cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = policy, 10
				b := start(t, cfg)
				pub := b.connect("pub", true, packet.V5)
				for i := range 300 {
					pub.Retain(fmt.Sprint("r/", i), "x")
				}
				c := slowly(b, "c", clean)
				s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("#", 1)}}
				c.Send(s.Append(nil, packet.V5))
				for n := 0; n < 300; {
					if got := c.Packet(); got.Type == packet.TypePublish {
						c.Accept(got.Publish)
						n++
					}
				}
			})
		}
	}
}

// TestRetainedGoOn: a session that has not got them all when its connection ends gets the rest on the next.
func TestRetainedGoOn(t *testing.T) {
	b := start(t, durable(t))
	pub := b.connect("pub", true, packet.V5)
	const topics = 1000
	for i := range topics {
		pub.Retain(fmt.Sprint("r/", i), "x")
	}
	got := make(map[string]bool)
	c := slowly(b, "c", false)
	s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("#", 1)}}
	c.Send(s.Append(nil, packet.V5))
	for len(got) < topics {
		if p := c.Packet(); p.Type == packet.TypePublish {
			got[string(p.Publish.Topic)] = true
			c.Accept(p.Publish)
			if len(got) == 100 {
				c.Disconnect(packet.Disconnect{})
				c, _ = resume(t, b, "c", packet.V5)
			}
		}
	}
}

// TestUnprovenIsDelivered: a message whose write failed and is there nevertheless reaches a client that is
// connected, with the next that is stored, and counts as what it is.
func TestUnprovenIsDelivered(t *testing.T) {
	b, f := startFaulty(t, durable(t))
	c, _ := resume(t, b, "c", packet.V5)
	c.Subscribe(filter("a", 1))
	away(t, b, "away", packet.V5, filter("a", 1))
	pub := b.connect("pub", true, packet.V5)
	f.mode.Store(unproven)
	if got := pub.Publish(text("a", "unproven", 1)); got != packet.QuotaExceeded {
		t.Errorf("PUBACK: %v", got)
	}
	f.mode.Store(works)
	pub.Say("a", "proven", 1)
	takeAll(t, c, "unproven", "proven")
	eventually(t, "two wait for the one that is away", func() bool { return b.Metrics().QueuedMessages == 2 })
	c, _ = resume(t, b, "away", packet.V5)
	takeAll(t, c, "unproven", "proven")
	eventually(t, "nothing waits", func() bool { m := b.Metrics(); return m.QueuedMessages == 0 && m.QueuedBytes == 0 })
}
