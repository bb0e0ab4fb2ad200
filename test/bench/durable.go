package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// bodySize is that of the messages, and of the records of one fsync a message.
const bodySize = 256

// durable compares QoS 1 into an offline session with a store, without one, and with one fsync a message on that disk. The
// three take turns.
func (b *bench) durable() error {
	var stored, storedCPU, memory, memoryCPU, fsyncs, fdatasyncs, ratio, factor report.Series
	for range b.sizes.rounds {
		rate, cpu, err := b.intoOffline(true)
		if err != nil {
			return err
		}
		rateMemory, cpuMemory, err := b.intoOffline(false)
		if err != nil {
			return err
		}
		one, err := b.oneSyncEach((*os.File).Sync, 0)
		if err != nil {
			return err
		}
		data, err := b.oneSyncEach(func(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }, 64<<20)
		if err != nil {
			return err
		}
		stored, storedCPU = append(stored, rate), append(storedCPU, cpu)
		memory, memoryCPU = append(memory, rateMemory), append(memoryCPU, cpuMemory)
		fsyncs, fdatasyncs = append(fsyncs, one), append(fdatasyncs, data)
		ratio, factor = append(ratio, cpu/cpuMemory), append(factor, rate/one)
		b.say("  %.0f/s on disk (%.1f us), %.0f/s in memory (%.1f us), %.0f fsyncs/s", rate, cpu, rateMemory, cpuMemory, one)
	}
	b.add("durable QoS 1 (256 B) into an offline session, 50 publishers, window 64, `sync: Always`: messages a second", "", "%s", stored.Text("%.0f"))
	b.add("the same: broker CPU a message, us", "", "%s", storedCPU.Text("%.1f"))
	b.add("the same without a store: messages a second", "", "%s", memory.Text("%.0f"))
	b.add("the same without a store: broker CPU a message, us", "", "%s", memoryCPU.Text("%.1f"))
	b.add("CPU a message, on disk to in memory", "at most 3", "%s", ratio.Text("%.2f"))
	b.add("write and fsync of 256 B, one after the other, same folder: a second", "", "%s", fsyncs.Text("%.0f"))
	b.add("the same by fdatasync into a file of full size", "", "%s", fdatasyncs.Text("%.0f"))
	b.add("messages a second, durable QoS 1 to one fsync a message", "at least 20", "%s", factor.Text("%.0f"))
	return nil
}

// intoOffline is messages a second and microseconds of the broker's CPU a message.
func (b *bench) intoOffline(store bool) (rate, cpu float64, err error) {
	d, err := b.broker(store)
	if err != nil {
		return 0, 0, err
	}
	defer discard(d)
	if err := sessions(d.Addr, 1, func(int) string { return "offline/#" }); err != nil {
		return 0, 0, err
	}
	topics := [50][]byte{}
	for i := range topics {
		topics[i] = []byte("offline/" + string(rune('A'+i)))
	}
	f := &flood{publishers: len(topics), window: 64, message: func(i int) packet.Publish {
		return packet.Publish{Topic: topics[i%len(topics)], Payload: body(i, bodySize)}
	}}
	ended := make(chan error, 1)
	go func() { ended <- f.run(d.Addr) }()
	defer func() {
		f.stop.Store(true)
		if e := <-ended; err == nil {
			err = e
		}
	}()
	<-time.After(b.sizes.warm)
	before, err := d.CPU()
	if err != nil {
		return 0, 0, err
	}
	acked, begin := f.acked.Load(), time.Now()
	<-time.After(b.sizes.measured)
	after, err := d.CPU()
	if err != nil {
		return 0, 0, err
	}
	n := float64(f.acked.Load() - acked)
	return n / time.Since(begin).Seconds(), float64((after - before).Nanoseconds()) / 1e3 / n, nil
}

// oneSyncEach is how many records of bodySize a second are written and synced one after the other. A file of some size
// already is written over, so that a sync need not change its length.
func (b *bench) oneSyncEach(sync func(*os.File) error, size int64) (rate float64, err error) {
	f, err := os.Create(filepath.Join(b.dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // only its speed counts
	if _, err := f.Write(make([]byte, size)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	begin, n := time.Now(), int64(0)
	for ; time.Since(begin) < b.sizes.measured/2; n++ {
		at := n * bodySize
		if size > 0 {
			at %= size
		}
		if _, err := f.WriteAt(body(int(n), bodySize), at); err != nil {
			return 0, err
		}
		if err := sync(f); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begin).Seconds(), nil
}
