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
	d, err := b.broker(true)
	if err != nil {
		return err
	}
	defer discard(d)
	if err := sessions(d.Addr, b.sizes.fanned, func(int) string { return "fan" }); err != nil {
		return err
	}
	var sizes [3]int64
	for i, body := range []int{0, fanoutSmall, fanoutBig} {
		if body > 0 {
			if err := fill(d.Addr, fanoutMessages, body, func(int) string { return "fan" }, false); err != nil {
				return err
			}
		}
		if sizes[i], err = settled(d); err != nil {
			return err
		}
	}
	small, big := float64(sizes[1]-sizes[0])/fanoutMessages, float64(sizes[2]-sizes[1])/fanoutMessages
	b.add(fmt.Sprintf("one message (256 B) to %d offline sessions: bytes of disk a session", b.sizes.fanned), "below 150", "%.1f", small/float64(b.sizes.fanned))
	b.add("the same: how often its body is stored (there are 32 partitions)", "32", "%.1f", (big-small)/(fanoutBig-fanoutSmall))
	return nil
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
