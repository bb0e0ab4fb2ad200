package disk_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
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

// TestInterval: what is acknowledged is synced within the interval and not before, by nobody when there is nothing, and by
// Close.
func TestInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, mem := &gate{}, vfs.NewCrashableMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, g), Sync: disk.Interval, Interval: time.Second})
		p := acquire(t, s, 0)
		there := func(want int) {
			t.Helper()
			after := mustOpen(t, disk.Options{Dir: crashDir, FS: mem.CrashClone(vfs.CrashCloneCfg{})})
			if n := len(readAll(t, acquire(t, after, 0))); n != want {
				t.Errorf("%d records are there after a crash instead of %d", n, want)
			}
			noError(t, after.Close())
		}
		time.Sleep(time.Hour)
		g.syncs.Store(0)
		for range 10 {
			_, err := p.AppendAndWait("x")
			noError(t, err)
		}
		time.Sleep(time.Second - 1)
		if n := g.syncs.Load(); n != 0 || len(readAll(t, p)) != 10 {
			t.Errorf("%d syncs before the interval is over, %d records", n, len(readAll(t, p)))
		}
		there(0)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		there(10)
		time.Sleep(time.Hour)
		if n := g.syncs.Load(); n != 1 {
			t.Errorf("%d syncs instead of 1", n)
		}
		_, err := p.AppendAndWait("x")
		noError(t, err)
		noError(t, s.Close())
		there(11)
	})
}

// TestIntervalError: a sync that fails late is seen in Health, and the store goes on.
func TestIntervalError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faults{kinds: []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData}}
		mem := vfs.NewCrashableMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, f), Sync: disk.Interval, Interval: time.Second})
		p := acquire(t, s, 0)
		_, err := p.AppendAndWait("first")
		noError(t, err)
		f.on.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := s.Health(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Health is %v after a sync has failed", err)
		}
		f.on.Store(false)
		_, err = p.AppendAndWait("second")
		noError(t, err)
		noError(t, s.Health())
		noError(t, s.Close())
	})
}

// TestIntervalGone: if what a sync could not put on the disk is gone too, the broker is to be started again, and no backup is needed: what
// was synced is there.
func TestIntervalGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faults{kinds: []errorfs.OpKind{errorfs.OpFileSyncData}}
		mem := vfs.NewMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, f), Log: quiet, Sync: disk.Interval, Interval: time.Second})
		p := acquire(t, s, 0)
		_, err := p.AppendAndWait("synced")
		noError(t, err)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		logs := of(files(t, mem), segment.Ext)
		newest := logs[len(logs)-1]
		synced := files(t, mem)[newest]
		_, err = p.AppendAndWait("gone")
		noError(t, err)
		f.on.Store(true)
		time.Sleep(time.Second)
		synctest.Wait()
		writeFile(t, mem, newest, synced)
		f.on.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		what := fmt.Sprint(s.Health())
		if !strings.Contains(what, newest) || !strings.Contains(what, "start the broker again") || !strings.Contains(what, "in the last 1s") || strings.Contains(what, "backup") {
			t.Errorf("Health is %s", what)
		}
		_ = s.Close()
		s = mustOpen(t, disk.Options{Dir: crashDir, FS: mem, Log: quiet})
		if got := readAll(t, acquire(t, s, 0)); len(got) != 1 || got[0] != "synced" {
			t.Errorf("after a start the records are %v", got)
		}
		noError(t, s.Health())
		noError(t, s.Close())
	})
}

// TestIntervalOrder: what the database writes out by itself is not on the disk before what the log has of the same writes.
func TestIntervalOrder(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var clone *vfs.MemFS
	var tables, manifests atomic.Int64
	var once sync.Once
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case op.Kind == errorfs.OpCreate && filepath.Ext(op.Path) == ".sst":
			tables.Add(1)
		case tables.Load() > 1 && op.Kind == errorfs.OpFileSync && strings.Contains(op.Path, "MANIFEST-"): // one is made by Open
			manifests.Add(1)
		case manifests.Load() > 0: // the table counts
			once.Do(func() { clone = mem.CrashClone(vfs.CrashCloneCfg{}) })
		}
		return nil
	}))
	o := disk.Options{Dir: crashDir, FS: fs, Log: quiet, Sync: disk.Interval, Interval: time.Hour, MaxBytes: 16 << 20, FileBytes: 1 << 30}
	s := mustOpen(t, o)
	acquire(t, s, 0)
	for i := range 60 { // more than a table takes
		w := &store.Write{Records: []store.Record{{Data: []byte("x")}}}
		w.Retain = []store.Retained{{Topic: fmt.Sprint(i), Record: make([]byte, 64<<10)}}
		noError(t, writeAndWait(s, w))
	}
	noError(t, s.Close())
	s = mustOpen(t, disk.Options{Dir: crashDir, FS: clone})
	records, retained := len(readAll(t, acquire(t, s, 0))), s.RetainedCount()
	if records == 0 || records != retained {
		t.Errorf("after a loss of power %d records and %d retained ones are there", records, retained)
	}
	noError(t, s.Close())
}

// TestIntervalOrderAfterError: what the log could not sync, the database does not write out.
func TestIntervalOrderAfterError(t *testing.T) {
	f, mem := &faults{kinds: []errorfs.OpKind{errorfs.OpFileSyncData}}, vfs.NewMem()
	fs := errorfs.Wrap(mem, f)
	log, err := segment.Open(segment.Options{FS: fs, Bytes: 1 << 20})
	noError(t, err)
	noError(t, log.Begin())
	ordered := disk.Ordered(fs, log)
	create := func() error {
		file, err := ordered.Create("000001.sst", vfs.WriteCategoryUnspecified)
		if err == nil {
			err = file.Close()
		}
		return err
	}
	b := new(segment.Batch)
	b.Record(0, 1, []byte("x"))
	noError(t, log.Write(b, false))
	f.on.Store(true)
	for range 2 {
		if create() == nil {
			t.Error("a table is made although the log cannot be synced")
		}
	}
	_ = log.Close()
	if create() == nil {
		t.Error("a table is made although the log was closed without a sync")
	}
}
