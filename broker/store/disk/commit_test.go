package disk_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

// gate holds up the syncs of logs while it is shut, and counts them.
type gate struct {
	shut  atomic.Bool
	open  chan struct{}
	syncs atomic.Int64
}

func (g *gate) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if filepath.Ext(op.Path) == segment.Ext {
			g.syncs.Add(1)
			if g.shut.Load() {
				<-g.open
			}
		}
	}
	return nil
}

func (g *gate) String() string { return "gate" }

// TestReclaim: on a full disk what is dropped is given back, although nothing more is written.
func TestReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs})
		p := acquire(t, s, 0)
		rec := make([]byte, 1<<20) // does not compress
		_, err := rand.NewChaCha8([32]byte{}).Read(rec)
		noError(t, err)
		for range 40 {
			_, err := p.AppendAndWait(string(rec))
			noError(t, err)
		}
		size := func() (n int64) {
			synctest.Wait()
			time.Sleep(time.Hour) // for Pebble to delete files, which it does slowly
			names, err := fs.List(crashDir + "/data")
			noError(t, err)
			for _, name := range names {
				info, err := fs.Stat(fs.PathJoin(crashDir, "data", name))
				noError(t, err)
				if filepath.Ext(name) == segment.Ext {
					n += info.Size()
				}
			}
			return n
		}
		before := size()
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 48 << 20, TotalBytes: 1 << 30})
		p.Checkpoint(nil, 41, []store.Range{{From: 0, To: 41}}, nil)
		if after := size(); before < 20<<20 || after > before/10 {
			t.Errorf("the files have %d bytes after the drop, and had %d", after, before)
		}
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 30})
		noError(t, s.Close())
	})
}

// gated opens a store whose syncs a gate holds up, in a bubble.
func gated(t *testing.T, test func(t *testing.T, g *gate, s store.Store)) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(vfs.NewMem(), g)})
		test(t, g, s)
		noError(t, s.Close())
	})
}

// TestGroupCommit: what comes while one sync is under way is synced with the next, whatever it is and whosever; and nothing is
// acknowledged before.
func TestGroupCommit(t *testing.T) {
	gated(t, func(t *testing.T, g *gate, s store.Store) {
		parts := []*storetest.Log{acquire(t, s, 0), acquire(t, s, 1), acquire(t, s, 2)}
		g.syncs.Store(0)
		g.shut.Store(true)
		acked := 0
		done := func(_ uint64, err error) {
			if err != nil {
				t.Error(err)
			}
			acked++
		}
		parts[0].Append([]byte("first"), done)
		synctest.Wait() // for the committer to be in its sync
		for i := range 300 {
			parts[i%3].Append([]byte("more"), done)
		}
		storetest.Retain(s, "a", []byte("x"), func(err error) { done(0, err) })
		parts[1].Checkpoint([]store.KV{{Key: "k", Value: []byte("v")}}, 1, nil, func(err error) { done(0, err) })
		synctest.Wait()
		if acked != 0 {
			t.Errorf("%d callbacks came before the sync", acked)
		}
		for _, p := range parts {
			if n := len(readAll(t, p)); n != 0 {
				t.Errorf("%d records of partition %d are read that are not durable", n, p.N)
			}
		}
		g.open <- struct{}{}
		synctest.Wait()
		if acked != 1 {
			t.Errorf("%d callbacks came after the first sync", acked)
		}
		g.shut.Store(false)
		g.open <- struct{}{}
		synctest.Wait()
		if n := g.syncs.Load(); acked != 303 || n != 2 {
			t.Errorf("%d callbacks after %d syncs instead of 303 after 2", acked, n)
		}
	})
}

// TestBackpressure: when the disk does not keep up, those who append have to wait.
func TestBackpressure(t *testing.T) {
	gated(t, func(t *testing.T, g *gate, s store.Store) {
		p := acquire(t, s, 0)
		g.shut.Store(true)
		p.Append(nil, nil)
		synctest.Wait() // for the committer to be in its sync
		rec := make([]byte, 1<<20)
		var appended int
		go func() {
			for range 20 {
				p.Append(rec, nil)
				appended++
			}
		}()
		synctest.Wait()
		if appended != 8 {
			t.Errorf("%d MiB wait for the disk instead of 8", appended)
		}
		g.shut.Store(false)
		g.open <- struct{}{}
		synctest.Wait()
		if got := len(readAll(t, p)); appended != 20 || got != 21 {
			t.Errorf("%d of 20 were appended, and %d of 21 are there", appended, got)
		}
	})
}

// TestCloseWhileFull: whoever waits for room when the store is closed gets an error.
func TestCloseWhileFull(t *testing.T) {
	gated(t, func(t *testing.T, g *gate, s store.Store) {
		p := acquire(t, s, 0)
		g.shut.Store(true)
		p.Append(nil, nil)
		synctest.Wait()
		rec, failed, acked := make([]byte, 5<<20), 0, 0
		for range 3 {
			go p.Append(rec, func(_ uint64, err error) {
				if err != nil {
					failed++
				} else {
					acked++
				}
			})
		}
		synctest.Wait()
		closed := false
		go func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			closed = true
		}()
		synctest.Wait()
		if closed || failed != 1 {
			t.Errorf("closed %v and %d failed while a sync is under way", closed, failed)
		}
		g.shut.Store(false)
		g.open <- struct{}{}
		synctest.Wait()
		if !closed || acked != 2 || failed != 1 {
			t.Errorf("closed %v, %d acknowledged, %d failed", closed, acked, failed)
		}
	})
}

// TestLogFirst: nothing of a commit is in the database before the log has it, be it large enough for the database to write it out at once.
func TestLogFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, mem := &gate{open: make(chan struct{})}, vfs.NewCrashableMem()
		o := disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, g), Log: quiet, MaxBytes: 64 << 20}
		s := mustOpen(t, o)
		acquire(t, s, 0)
		g.shut.Store(true)
		w := &store.Write{Records: []store.Record{{Data: []byte("x")}}}
		for i := range 100 {
			w.Retain = append(w.Retain, store.Retained{Topic: fmt.Sprint(i), Record: make([]byte, 64<<10)})
		}
		s.Write(w)
		synctest.Wait() // for the committer to be in its sync
		left := mem.CrashClone(vfs.CrashCloneCfg{})
		g.shut.Store(false)
		g.open <- struct{}{}
		noError(t, s.Close())
		s = mustOpen(t, disk.Options{Dir: crashDir, FS: left, Log: quiet})
		if records, retained := len(readAll(t, acquire(t, s, 0))), s.RetainedCount(); records != 0 || retained != 0 {
			t.Errorf("after a loss of power %d records and %d retained ones are there", records, retained)
		}
		noError(t, s.Close())
	})
}
