package main

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// startup is how long a broker with much in its store takes until a client is let in.
func (b *bench) startup() error {
	d, err := b.broker(true)
	if err != nil {
		return err
	}
	defer discard(d)
	topic := func(i int) string { return fmt.Sprintf("device/%d/command", i%b.sizes.startSessions) }
	if err := sessions(d.Addr, b.sizes.startSessions, topic); err != nil {
		return err
	}
	b.say("  %d sessions are made", b.sizes.startSessions)
	if err := fill(d.Addr, b.sizes.startMessages, 64, topic, false); err != nil {
		return err
	}
	b.say("  %d messages are queued", b.sizes.startMessages)
	what := fmt.Sprintf("start with %d sessions and %d queued messages, seconds until the first CONNACK, after ", b.sizes.startSessions, b.sizes.startMessages)
	for _, how := range []struct {
		name string
		end  func()
	}{{"kill -9", d.Kill}, {"kill -9 again", d.Kill}, {"a stop", d.Stop}} {
		how.end()
		begin := time.Now()
		if err := start(d); err != nil {
			return err
		}
		took := time.Since(begin)
		used, err := d.CPU() // of a process that has done nothing else
		if err != nil {
			return err
		}
		now, peak, err := d.Memory()
		if err != nil {
			return err
		}
		b.add(what+how.name, "seconds", "%.2f (of CPU %.2f; memory then %.0f MB, peak %.0f MB)", took.Seconds(), used.Seconds(), mega(now), mega(peak))
	}
	return b.firstOfMany(d)
}

// firstOfMany checks that a session has what was queued for it.
func (b *bench) firstOfMany(d *daemon.Broker) error {
	_, _, err := empty(d, "session-0", b.sizes.startMessages/b.sizes.startSessions)
	return err
}
