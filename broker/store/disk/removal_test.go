package disk_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// promptFS is a file system whose journal has at once that a file of the log was removed, while what is written to others waits.
type promptFS struct{ vfs.FS }

func (fs promptFS) Remove(name string) error {
	err := fs.FS.Remove(name)
	if err != nil || filepath.Ext(name) != segment.Ext {
		return err
	}
	d, err := fs.OpenDir(fs.PathDir(name))
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // it is only synced
	return d.Sync()
}

// TestIntervalRemoval: a file of the log does not go before what says that nobody needs it is on the disk.
func TestIntervalRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		o := disk.Options{Dir: crashDir, FS: promptFS{mem}, Log: quiet, Sync: disk.Interval, Interval: time.Hour, FileBytes: 1}
		s := mustOpen(t, o)
		p := acquire(t, s, 0)
		for range 10 { // a file each
			_, err := p.AppendAndWait("x")
			noError(t, err)
		}
		time.Sleep(2 * time.Hour) // all is synced
		noError(t, checkpointAndWait(p, nil, 9, store.Range{From: 1, To: 9}))
		synctest.Wait()
		left := mem.CrashClone(vfs.CrashCloneCfg{})
		noError(t, s.Close())
		s = mustOpen(t, disk.Options{Dir: crashDir, FS: left, Log: quiet})
		p = acquire(t, s, 0)
		at, err := p.Load(t.Context(), func(store.KV) error { return nil })
		noError(t, err)
		want := 10
		if at == 9 {
			want = 2
		}
		n := 0
		noError(t, p.Read(t.Context(), 0, func(uint64, []byte) error { n++; return nil }))
		if n != want {
			t.Errorf("with the checkpoint at %d there are %d records instead of %d", at, n, want)
		}
		noError(t, s.Close())
	})
}
