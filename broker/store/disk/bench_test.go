package disk_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// BenchmarkAppend: writers that each wait for their record of 256 bytes before they append the next.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			g := &gate{}
			s := mustOpen(b, disk.Options{Dir: b.TempDir(), FS: errorfs.Wrap(vfs.Default, g), Log: quiet})
			var parts [store.Partitions]store.Part
			for n := range parts {
				parts[n] = acquire(b, s, n)
			}
			g.syncs.Store(0)
			b.ResetTimer()
			var all sync.WaitGroup
			var next atomic.Int64
			for w := range writers {
				all.Go(func() {
					rec, durable := make([]byte, 256), make(chan error, 1)
					done := func(_ uint64, err error) { durable <- err }
					for next.Add(1) <= int64(b.N) {
						parts[w%store.Partitions].Append(rec, done)
						if err := <-durable; err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			b.ReportMetric(float64(g.syncs.Load())/float64(b.N), "syncs/append")
			noError(b, s.Close())
		})
	}
}

// BenchmarkAppendAll: one writer that waits for nothing but room.
func BenchmarkAppendAll(b *testing.B) {
	s := mustOpen(b, disk.Options{Dir: b.TempDir(), Log: quiet})
	p, rec := acquire(b, s, 0), make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		p.Append(rec, nil)
	}
	noError(b, s.Close())
}

// BenchmarkRead: one record of 256 bytes.
func BenchmarkRead(b *testing.B) {
	s := mustOpen(b, disk.Options{Dir: b.TempDir(), Log: quiet})
	p, rec := acquire(b, s, 0), make([]byte, 256)
	for range b.N {
		p.Append(rec, nil)
	}
	_, err := appendAndWait(p, "last")
	noError(b, err)
	b.ResetTimer()
	noError(b, p.Read(b.Context(), 0, func(uint64, []byte) error { return nil }))
	b.StopTimer()
	noError(b, s.Close())
}

// BenchmarkOpen: a store with a million small records, and all its partitions.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := mustOpen(b, disk.Options{Dir: dir, Log: quiet})
	for n := range store.Partitions {
		p := acquire(b, s, n)
		for range 1_000_000 / store.Partitions {
			p.Append(make([]byte, 32), nil)
		}
	}
	noError(b, s.Close())
	for b.Loop() {
		s := mustOpen(b, disk.Options{Dir: dir, Log: quiet})
		for n := range store.Partitions {
			acquire(b, s, n)
		}
		noError(b, s.Close())
	}
}
