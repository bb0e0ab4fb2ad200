package disk_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// BenchmarkWrite: writers with a window of writes of one record of 256 bytes each. One writer with a window of 1 is one fsync a
// message.
func BenchmarkWrite(b *testing.B) {
	for _, load := range []struct{ writers, window int }{{1, 1}, {50, 1}, {50, 64}} {
		b.Run(fmt.Sprintf("%dx%d", load.writers, load.window), func(b *testing.B) {
			g := &gate{}
			s := mustOpen(b, disk.Options{Dir: b.TempDir(), FS: errorfs.Wrap(vfs.Default, g), Log: quiet})
			for n := range store.Partitions {
				acquire(b, s, n)
			}
			g.syncs.Store(0)
			b.ReportAllocs()
			b.ResetTimer()
			var all sync.WaitGroup
			for w := range load.writers {
				all.Go(func() { writeWindow(b, s, w%store.Partitions, load.window, b.N/load.writers+1) })
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(g.syncs.Load())/float64(b.N), "syncs/write")
			noError(b, s.Close())
		})
	}
}

// writeWindow makes n writes, of which at most window wait at any time.
func writeWindow(b *testing.B, s store.Store, part, window, n int) {
	durable := make(chan *store.Write, window)
	for range window {
		w := &store.Write{Records: []store.Record{{Part: part, Data: make([]byte, 256)}}}
		w.Done = func(err error) {
			if err != nil {
				b.Error(err)
			}
			durable <- w
		}
		durable <- w
	}
	for range n {
		s.Write(<-durable)
	}
	for range window {
		<-durable
	}
}

// BenchmarkFetch: one record of 80 bytes.
func BenchmarkFetch(b *testing.B) {
	s := mustOpen(b, disk.Options{Dir: b.TempDir(), Log: quiet})
	p, rec := acquire(b, s, 0), make([]byte, 80)
	const records = 200_000
	for range records {
		p.Append(rec, nil)
	}
	_, err := p.AppendAndWait("last")
	noError(b, err)
	for _, step := range []uint64{1, 2, 32} {
		b.Run(fmt.Sprint("step=", step), func(b *testing.B) {
			seqs, at := make([]uint64, 256), uint64(1)
			b.ReportAllocs()
			for got := 0; got < b.N; {
				if at+256*step > records {
					at = 1
				}
				for i := range seqs {
					seqs[i], at = at, at+step
				}
				noError(b, p.Fetch(b.Context(), seqs, func(int, []byte) error { got++; return nil }))
			}
		})
	}
	noError(b, s.Close())
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
	_, err := p.AppendAndWait("last")
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
