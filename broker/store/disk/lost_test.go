package disk_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
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
