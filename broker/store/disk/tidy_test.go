package disk_test

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// TestTidyErrors: a file whose records cannot be moved, or that cannot be removed, is told of once, and holds up neither writes nor
// other files.
func TestTidyErrors(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{"read": errorfs.OpFileReadAt, "remove": errorfs.OpRemove} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var on atomic.Bool
				var bad []string
				mem := vfs.NewMem()
				fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if on.Load() && op.Kind == kind && slices.Contains(bad, filepath.Base(op.Path)) {
						return syscall.EIO
					}
					return nil
				}))
				var log bytes.Buffer
				s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, Log: slog.New(slog.NewTextHandler(&log, nil)), FileBytes: 1})
				p := acquire(t, s, 0)
				var drop []store.Range
				for i := range uint64(4) { // files of 10 records, of which one is needed
					w := &store.Write{Records: make([]store.Record, 10)}
					noError(t, writeAndWait(s, w))
					drop = append(drop, store.Range{From: 1 + i*10, To: 10 + i*10})
				}
				logs := of(files(t, mem), segment.Ext)
				bad = []string{logs[1], logs[2]} // the first has but a head
				on.Store(true)
				noError(t, checkpointAndWait(p, nil, 40, drop...))
				for range 50 {
					time.Sleep(time.Second)
					_, err := p.AppendAndWait("x")
					noError(t, err)
				}
				synctest.Wait()
				left := of(files(t, mem), segment.Ext)
				if slices.Contains(left, logs[3]) || !slices.Contains(left, logs[1]) || !slices.Contains(left, logs[2]) {
					t.Errorf("the files are %v, and were %v", left, logs)
				}
				if n := strings.Count(log.String(), "input/output error"); n != 2 {
					t.Errorf("it was told %d times:\n%.1000s", n, log.String())
				}
				on.Store(false)
				noError(t, s.Close())
			})
		})
	}
}

// TestNoNewFileWhenTight: if the log cannot end its file to give room back, nobody's write fails for it, and Health says why.
func TestNoNewFileWhenTight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, mem := &faults{kinds: []errorfs.OpKind{errorfs.OpCreate}}, vfs.NewMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, f), Log: quiet})
		p := acquire(t, s, 0)
		for range 3 {
			_, err := p.AppendAndWait(strings.Repeat("x", 1<<20))
			noError(t, err)
		}
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 48 << 20, TotalBytes: 1 << 30})
		f.on.Store(true)
		noError(t, checkpointAndWait(p, nil, 4, store.Range{From: 1, To: 4}))
		synctest.Wait()
		if err := s.Health(); err == nil || !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("Health is %v", err)
		}
		f.on.Store(false)
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 30})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		noError(t, s.Health())
		_, err := p.AppendAndWait("x")
		noError(t, err)
		noError(t, s.Close())
	})
}

// TestSmallHoldsNoLarge: a few bytes that are needed do not keep the file of large messages that are not.
func TestSmallHoldsNoLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: mem, Log: quiet, FileBytes: 4 << 20})
		p := acquire(t, s, 0)
		var drop []store.Range
		for seq := uint64(1); seq <= 10; seq++ { // half of the records are large
			rec := "small"
			if seq%2 == 0 {
				rec = strings.Repeat("x", 1<<20)
				drop = append(drop, store.Range{From: seq, To: seq + 1})
			}
			_, err := p.AppendAndWait(rec)
			noError(t, err)
		}
		before := of(files(t, mem), segment.Ext)
		noError(t, checkpointAndWait(p, nil, 11, drop...))
		time.Sleep(time.Minute)
		synctest.Wait()
		if after := of(files(t, mem), segment.Ext); slices.Contains(after, before[0]) {
			t.Errorf("the files are %v, and were %v", after, before)
		}
		n := 0
		noError(t, p.Read(t.Context(), 0, func(_ uint64, rec []byte) error { n += len(rec); return nil }))
		if n != 5*len("small") {
			t.Errorf("%d bytes of records are left", n)
		}
		noError(t, s.Close())
	})
}

// TestKept: a file that nobody needs stays while it tells where the file before it ends, which a failed write has left torn.
func TestKept(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs, left := failing(mem, 1)
	o := disk.Options{Dir: crashDir, FS: fs, Log: quiet}
	s := mustOpen(t, o)
	p := acquire(t, s, 0)
	_, err := p.AppendAndWait("needed")
	noError(t, err)
	left.Store(0)
	if _, err := p.AppendAndWait("half of it"); err == nil {
		t.Fatal("no error")
	}
	_, err = p.AppendAndWait("dropped")
	noError(t, err)
	for range 3 {
		noError(t, s.Close())
		s = mustOpen(t, o)
		p = acquire(t, s, 0)
		noError(t, checkpointAndWait(p, nil, 3, store.Range{From: 2, To: 3}))
		_, err = p.AppendAndWait("more")
		noError(t, err)
	}
	first := ""
	noError(t, p.Read(t.Context(), 0, func(_ uint64, rec []byte) error { first += string(rec); return nil }))
	if first != "neededmoremoremore" {
		t.Errorf("the records are %s", first)
	}
	noError(t, s.Close())
}
