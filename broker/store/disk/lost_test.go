package disk_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// TestHolesOfRestored: what came from a backup does not keep what is said of records that have gone since from being forgotten, also
// after another start.
func TestHolesOfRestored(t *testing.T) {
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: vfs.NewMem(), Log: quiet})
	p := acquire(t, s, 0)
	for range 1000 {
		p.Append([]byte("old"), nil)
	}
	noError(t, checkpointAndWait(p, nil, 900, store.Range{From: 1, To: 500}))
	backup := backUp(t, s)
	noError(t, s.Close())
	fs := vfs.NewCrashableMem()
	noError(t, disk.StageWith(t.Context(), fs, crashDir, bytes.NewReader(backup)))
	next := uint64(1001)
	for round := range 3 {
		s = mustOpen(t, disk.Options{Dir: crashDir, FS: fs, Log: quiet})
		p = acquire(t, s, 0)
		for range 5000 {
			p.Append([]byte("new"), nil)
		}
		from := next
		next += 5000
		noError(t, checkpointAndWait(p, nil, next, store.Range{From: from, To: next}))
		held, stored, err := disk.Chunks(s, 0)
		if noError(t, err); held > 1 || stored > 1 {
			t.Errorf("round %d: %d chunks of holes are held and %d stored, although all is gone", round, held, stored)
		}
		n := 0
		noError(t, p.Read(t.Context(), 0, func(uint64, []byte) error { n++; return nil }))
		if n != 501 {
			t.Errorf("round %d: %d records are left of 501", round, n)
		}
		noError(t, s.Close())
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
	}
}

// TestMissingFile: a record that was not dropped and is not there is an error to whoever asks for it, also if a checkpoint stands for it.
func TestMissingFile(t *testing.T) {
	fs := vfs.NewMem()
	o := disk.Options{Dir: crashDir, FS: fs, Log: quiet, FileBytes: 1}
	s := mustOpen(t, o)
	p := acquire(t, s, 0)
	for range 10 { // a file each
		_, err := p.AppendAndWait("x")
		noError(t, err)
	}
	noError(t, checkpointAndWait(p, nil, 9, store.Range{From: 1, To: 3}))
	noError(t, s.Close())
	logs := of(files(t, fs), ".seg")
	noError(t, fs.Remove(filepath.Join(dataDir, logs[len(logs)/2])))
	s = mustOpen(t, o)
	p = acquire(t, s, 0)
	seqs := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	errs := []error{
		p.Fetch(t.Context(), seqs, func(int, []byte) error { return nil }),
		p.Read(t.Context(), 0, func(uint64, []byte) error { return nil }),
		s.(*disk.Store).Backup(t.Context(), &bytes.Buffer{}),
	}
	for i, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "it was not dropped, and is not there") {
			t.Errorf("%d: error %v", i, err)
		}
	}
	noError(t, s.Close())
}

// TestMissingPairs: a file of the log that has what the database has not written out yet is missed, and not passed over.
func TestMissingPairs(t *testing.T) {
	for _, missing := range []int{0, 3} {
		var on atomic.Bool
		fs := vfs.NewMem()
		stuck := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if on.Load() && op.Kind == errorfs.OpCreate && filepath.Ext(op.Path) == ".sst" {
				return syscall.EIO
			}
			return nil
		}))
		o := disk.Options{Dir: crashDir, FS: stuck, Log: quiet, FileBytes: 1}
		s := mustOpen(t, o)
		on.Store(true)
		for i := range 6 { // a file each
			noError(t, writeAndWait(s, &store.Write{Retain: []store.Retained{{Topic: fmt.Sprint(i), Record: []byte("x")}}}))
		}
		_ = s.Close() // that the database could not write is its error
		on.Store(false)
		logs := of(files(t, fs), segment.Ext)
		gone := logs[len(logs)-6+missing]
		noError(t, fs.Remove(fs.PathJoin(dataDir, gone)))
		if s, err := disk.OpenWith(o); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("no pairs of number %d", missing+1)) || !strings.Contains(err.Error(), "restore it from a backup") {
			t.Errorf("without %s the store is %v, error %v", gone, s, err)
		}
	}
}

// TestNextNumber: the number of a record is not given again, though nothing of it is left but the checkpoint.
func TestNextNumber(t *testing.T) {
	fs := vfs.NewMem()
	o := disk.Options{Dir: crashDir, FS: fs, Log: quiet, FileBytes: 1}
	s := mustOpen(t, o)
	p := acquire(t, s, 3)
	for range 5 {
		_, err := p.AppendAndWait("x")
		noError(t, err)
	}
	noError(t, checkpointAndWait(p, nil, 6, store.Range{From: 1, To: 6}))
	for range 3 {
		for deadline := time.Now().Add(20 * time.Second); len(of(files(t, fs), segment.Ext)) > 3; runtime.Gosched() { // the database writes out what lets them go
			if time.Now().After(deadline) {
				t.Fatalf("the files are %v", of(files(t, fs), segment.Ext))
			}
			noError(t, writeAndWait(s, &store.Write{Retain: []store.Retained{{Topic: "t", Record: []byte("x")}}}))
		}
		noError(t, s.Close())
		s = mustOpen(t, o)
		p = acquire(t, s, 3)
		noError(t, writeAndWait(s, &store.Write{Retain: []store.Retained{{Topic: "t", Record: []byte("x")}}}))
	}
	if seq, err := p.AppendAndWait("x"); seq != 6 || err != nil {
		t.Errorf("the next number is %d, error %v", seq, err)
	}
	noError(t, s.Close())
}

// TestMissingRestored: a record that came from a backup, was not dropped and is not there is an error to whoever asks for it.
func TestMissingRestored(t *testing.T) {
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: vfs.NewMem(), Log: quiet})
	p := acquire(t, s, 0)
	for range 10 {
		_, err := p.AppendAndWait("x")
		noError(t, err)
	}
	backup := backUp(t, s)
	noError(t, s.Close())
	dir := t.TempDir()
	noError(t, disk.StageWith(t.Context(), vfs.Default, dir, bytes.NewReader(backup)))
	noError(t, mustOpen(t, disk.Options{Dir: dir, Log: quiet}).Close())
	edit(t, dir, func(db *pebble.DB) {
		noError(t, db.Delete([]byte("l\x00\x00\x00\x00\x00\x00\x00\x00\x05"), pebble.Sync)) // record 5 of partition 0
	})
	s = mustOpen(t, disk.Options{Dir: dir, Log: quiet})
	p = acquire(t, s, 0)
	n := 0
	for i, err := range []error{
		p.Read(t.Context(), 0, func(uint64, []byte) error { n++; return nil }),
		p.Fetch(t.Context(), []uint64{3, 5}, func(int, []byte) error { n++; return nil }),
	} {
		if err == nil || !strings.Contains(err.Error(), "record 5: it was not dropped, and is not there") {
			t.Errorf("%d: error %v", i, err)
		}
	}
	if n != 5 {
		t.Errorf("%d records are read before it", n)
	}
	noError(t, s.Close())
}
