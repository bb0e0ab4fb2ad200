package main

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// Messages of two sizes go to all sessions: what a larger one takes more, divided by how much larger it is, is how often its
// body is stored.
const (
	fanoutMessages         = 100
	fanoutSmall, fanoutBig = 256, 4096 + 256
)

// fanout is one message for many offline sessions: what it takes of the disk.
func (b *bench) fanout() error {
	var each [2]float64
	for i, body := range []int{fanoutSmall, fanoutBig} {
		grown, err := b.fanned(body)
		if err != nil {
			return err
		}
		each[i] = float64(grown) / fanoutMessages
	}
	b.add(fmt.Sprintf("one message (256 B) to %d offline sessions: bytes of disk a session", b.sizes.fanned), "below 150", "%.1f", each[0]/float64(b.sizes.fanned))
	b.add("the same: how often its body is stored (there are 32 partitions)", "32", "%.1f", (each[1]-each[0])/(fanoutBig-fanoutSmall))
	return nil
}

// fanned is how much a store grows with the messages, of a size.
func (b *bench) fanned(size int) (grown int64, err error) {
	d, err := b.broker(true)
	if err != nil {
		return 0, err
	}
	defer discard(d)
	if err := sessions(d.Addr, b.sizes.fanned, func(int) string { return "fan" }); err != nil {
		return 0, err
	}
	before, err := settled(d)
	if err != nil {
		return 0, err
	}
	if err := fill(d.Addr, fanoutMessages, size, func(int) string { return "fan" }, false); err != nil {
		return 0, err
	}
	after, err := settled(d)
	return after - before, err
}

// settled is what the store takes once its log has been written out, which a start does: twice, so that both the records
// and the checkpoint of the first stop are in it. The broker runs again afterwards.
func settled(d *daemon.Broker) (int64, error) {
	for range 2 {
		d.Stop()
		if err := start(d); err != nil {
			return 0, err
		}
	}
	return daemon.DiskUsage(d.Dir)
}
