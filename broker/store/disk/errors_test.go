package disk_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

// failingFS makes some operations in a row fail that change files of the log or their folder. A write that fails is half done; what a sync
// that fails was to put on the disk never gets there, though a later one says that all is well.
type failingFS struct {
	vfs.FS
	left   *atomic.Int64 // operations before the first that fails
	failed int64         // how many fail
	bad    *sync.Map     // names of files of which a sync has failed
}

// failing wraps fs.
func failing(fs vfs.FS, failed int64) (failingFS, *atomic.Int64) {
	f := failingFS{left: new(atomic.Int64), failed: failed, bad: new(sync.Map)}
	f.left.Store(1 << 40)
	f.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpRename || op.Kind == errorfs.OpRemove || op.Kind == errorfs.OpFileSync) &&
			(filepath.Ext(op.Path) == segment.Ext || strings.HasSuffix(op.Path, "/data")) && f.fails() {
			return syscall.EIO
		}
		return nil
	}))
	return f, f.left
}

func (f failingFS) fails() bool {
	left := f.left.Add(-1)
	return left < 0 && left >= -f.failed
}

func (f failingFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	if err == nil {
		f.bad.Delete(name)
	}
	return f.wrap(file, name, err)
}

func (f failingFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return f.wrap(file, name, err)
}

func (f failingFS) wrap(file vfs.File, name string, err error) (vfs.File, error) {
	if err == nil && filepath.Ext(name) == segment.Ext {
		file = failingFile{file, f, name}
	}
	return file, err
}

type failingFile struct {
	vfs.File
	fs   failingFS
	name string
}

func (f failingFile) Write(b []byte) (int, error) {
	if !f.fs.fails() {
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:len(b)/2])
	return n, syscall.ENOSPC
}

func (f failingFile) SyncData() error { return f.sync(f.File.SyncData) }
func (f failingFile) Sync() error     { return f.sync(f.File.Sync) }

func (f failingFile) sync(sync func() error) error {
	if _, bad := f.fs.bad.Load(f.name); bad {
		return nil
	}
	if f.fs.fails() {
		f.fs.bad.Store(f.name, true)
		return syscall.EIO
	}
	return sync()
}

// TestErrorsEverywhere: whichever operations on the log fail, and be a write half done, what was acknowledged is there, in order, at once
// and after a start; with Always also if the power goes. The store goes on as soon as nothing fails.
func TestErrorsEverywhere(t *testing.T) {
	for _, mode := range []disk.Sync{disk.Always, disk.Interval} {
		for first := range int64(40) {
			w := errorsWorkload{Options: disk.Options{Dir: crashDir, Log: quiet, Sync: mode, MoveAfter: 1, FileBytes: 1 + first%3*700}}
			mem := vfs.NewCrashableMem()
			fs, left := failing(mem, 1+first%4)
			w.FS = fs
			s := mustOpen(t, w.Options)
			left.Store(first)
			w.write(t, s)
			left.Store(1 << 40)
			what := fmt.Sprintf("sync %v, errors from operation %d on", mode, first)
			if err := w.append("last"); err != nil {
				t.Fatalf("%s: it does not go on: %v", what, err)
			}
			w.check(t, what)
			for deadline := time.Now().Add(20 * time.Second); s.Health() != nil; runtime.Gosched() { // the database tries again by itself
				if time.Now().After(deadline) {
					t.Fatalf("%s: Health is %v", what, s.Health())
				}
			}
			noError(t, s.Close())
			after := mem
			if mode == disk.Always {
				after = mem.CrashClone(vfs.CrashCloneCfg{})
			}
			s = mustOpen(t, disk.Options{Dir: crashDir, FS: after, Log: quiet})
			w.p = acquire(t, s, 0)
			w.check(t, what+", after a start")
			noError(t, s.Close())
		}
	}
}

type errorsWorkload struct {
	disk.Options
	p     *storetest.Log
	acked map[uint64]string
	at    uint64 // what the last checkpoint was to drop, from 1 on, but for every fifth
}

// write writes records, and now and then has most of the old ones dropped.
func (w *errorsWorkload) write(t *testing.T, s store.Store) {
	w.p, w.acked = acquire(t, s, 0), map[uint64]string{}
	for i := range 30 {
		w.append(fmt.Sprintf("%d %s", i, strings.Repeat("x", i*7%100)))
		if next := uint64(len(w.acked)); i%10 == 9 && next > 2 {
			w.at = next - 2
			var drop []store.Range
			for seq := uint64(1); seq < w.at; seq++ {
				if w.isDropped(seq) {
					drop = append(drop, store.Range{From: seq, To: seq + 1})
				}
			}
			_ = checkpointAndWait(w.p, nil, w.at, drop...) // it may fail
		}
	}
}

func (w *errorsWorkload) isDropped(seq uint64) bool { return seq < w.at && seq%5 != 0 }

func (w *errorsWorkload) append(rec string) error {
	seq, err := w.p.AppendAndWait(rec)
	if err == nil {
		w.acked[seq] = rec
	}
	return err
}

// check looks for what was acknowledged and not dropped.
func (w *errorsWorkload) check(t *testing.T, what string) {
	t.Helper()
	got, last := map[uint64]string{}, uint64(0)
	noError(t, w.p.Read(t.Context(), 0, func(seq uint64, rec []byte) error { got[seq], last = string(rec), seq; return nil }))
	for seq, rec := range w.acked {
		if found, ok := got[seq]; found != rec && (ok || !w.isDropped(seq)) {
			t.Errorf("%s: record %d of %d is %q and was %q", what, seq, last, found, rec)
		}
	}
}
