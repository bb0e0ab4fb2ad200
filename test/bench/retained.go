package main

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// retained is a client that subscribes to # where very much is retained.
func (b *bench) retained() error {
	d, err := b.broker(true)
	if err != nil {
		return err
	}
	defer discard(d)
	n := b.sizes.set
	if err := fill(d.Addr, n, 64, func(i int) string { return fmt.Sprintf("retained/%d/%d/value", i/1000, i%1000) }, true); err != nil {
		return err
	}
	d.Stop()
	if err := start(d); err != nil {
		return err
	}
	before, err := b.atRest(d)
	if err != nil {
		return err
	}
	got, took, err := subscribeAll(d.Addr, n)
	if err != nil {
		return err
	}
	_, peak, err := d.Memory()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("a `#` subscriber (QoS 1) where %d messages of 64 B are retained: topics received", n), fmt.Sprint(n), "%d", got)
	b.add("the same: seconds; the broker's memory before and at most, MB", "", "%.2f; %.0f, %.0f", took.Seconds(), mega(before), mega(peak))
	return nil
}

// subscribeAll subscribes to # at QoS 1 and returns how many topics came, as soon as want have or nothing more does.
func subscribeAll(addr string, want int) (got int, took time.Duration, err error) {
	c, _, err := client.Start(addr, packet.Connect{ClientID: "all", CleanStart: true})
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	c.SetPatience(5 * time.Second)
	begin, last := time.Now(), time.Now()
	topics := make(map[string]struct{}, want)
	c.Subscribe(1, packet.Filter{Filter: "#", QoS: 1})
	for len(topics) < want {
		p, err := c.Next()
		if err != nil {
			break // what is missing shows in the number
		}
		if p.Type == packet.TypePublish {
			topics[string(p.Publish.Topic)] = struct{}{}
			c.Ack(packet.TypePuback, p.Publish.PacketID)
			last = time.Now()
		}
	}
	return len(topics), last.Sub(begin), nil
}
