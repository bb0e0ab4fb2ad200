package main

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// idle is what a session costs that is offline and has nothing to wait for. The broker is started anew with the sessions in
// its store and is compared with one whose store is empty; GOGC=10 keeps what is garbage out of the number.
func (b *bench) idle() error {
	d, err := b.broker(true, "GOGC=10")
	if err != nil {
		return err
	}
	defer discard(d)
	before, err := b.atRest(d)
	if err != nil {
		return err
	}
	if err := sessions(d.Addr, b.sizes.idle, func(i int) string { return fmt.Sprintf("device/%d/command", i) }); err != nil {
		return err
	}
	d.Stop()
	if err := start(d); err != nil {
		return err
	}
	after, err := b.atRest(d)
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("%d offline sessions with a subscription each: bytes of memory a session", b.sizes.idle), "at most 1000", "%.0f", float64(after-before)/float64(b.sizes.idle))
	b.add("the same: the broker's memory without and with them, MB", "", "%.1f, %.1f", mega(before), mega(after))
	return nil
}

// atRest is the memory of a broker that has not given any back to the system for a while.
func (b *bench) atRest(d *daemon.Broker) (least int64, err error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for since := time.Now(); time.Since(since) < b.sizes.rest; <-again.C {
		now, _, err := d.Memory()
		if err != nil {
			return 0, err
		}
		if least == 0 || now < least {
			least, since = now, time.Now()
		}
	}
	return least, nil
}

func mega(n int64) float64 { return float64(n) / 1e6 }
