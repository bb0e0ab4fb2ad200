package main

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/speed"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// drain is a client that comes back to a long queue and reads it as fast as it can.
func (b *bench) drain() error {
	d, err := b.broker(true)
	if err != nil {
		return err
	}
	defer discard(d)
	if err := sessions(d.Addr, 1, func(int) string { return "drain" }); err != nil {
		return err
	}
	var cpu, rate report.Series
	for range b.sizes.rounds {
		if err := fill(d.Addr, b.sizes.drained, 64, func(int) string { return "drain" }, false); err != nil {
			return err
		}
		used, took, err := empty(d, "session-0", b.sizes.drained)
		if err != nil {
			return err
		}
		cpu = append(cpu, float64(used.Nanoseconds())/1e3/float64(b.sizes.drained))
		rate = append(rate, float64(b.sizes.drained)/took.Seconds())
		b.say("  %d in %s, %.2f us each", b.sizes.drained, took.Round(time.Millisecond), cpu[len(cpu)-1])
	}
	goal, err := b.goalHere(1.5)
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("draining %d queued messages (QoS 1, 64 B): broker CPU a message, us", b.sizes.drained), goal, "%s", cpu.Text("%.2f"))
	b.add("the same: messages a second", "", "%s", rate.Text("%.0f"))
	return nil
}

// goalHere says a goal in processor time, and what it is on this machine, as the bare relay says.
func (b *bench) goalHere(most float64) (string, error) {
	goal := fmt.Sprintf("at most %s", report.Figure(most))
	if b.relay == nil {
		return goal, nil
	}
	slower, err := speed.Slower(b.relay, b.relayed, b.dir, b.say)
	if err != nil {
		return "", fmt.Errorf("the bare relay: %w", err)
	}
	return fmt.Sprintf("%s; here %s", goal, report.Figure(most*slower)), nil
}

// empty reads n messages of a session, and acknowledges them; it returns the broker's CPU and the time for all of it.
func empty(d *daemon.Broker, id string, n int) (used, took time.Duration, err error) {
	before, err := d.CPU()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	c, _, err := client.Start(d.Addr, persistent(id))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	for i := 0; i < n; i++ {
		got, err := c.Next()
		if err != nil {
			return 0, 0, fmt.Errorf("after %d messages: %w", i, err)
		}
		c.Ack(packet.TypePuback, got.Publish.PacketID)
	}
	c.Ping() // after all acknowledgements
	if _, err := c.Expect(packet.TypePingresp); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	after, err := d.CPU()
	c.Disconnect()
	return after - before, took, err
}
