package segment

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// TestRemovalOrder: a file without an end of its own goes durably before the one that tells its end may go: the torn rest in it would
// be taken for damage.
func TestRemovalOrder(t *testing.T) {
	mem, fail := newFS(t), false
	o := Options{FS: failing(mem, &fail, errorfs.OpFileSyncData), Bytes: 1 << 30}
	l := begun(t, o)
	commit(t, l, true, 1, 1, 3, 0)
	l = failOnce(t, l, o, &fail, batch(2, 4, 3, 0), true)
	noError(t, l.Rotate())
	l.Release(0, store.Range{From: 1, To: 4})
	if f := l.Files(nil); len(f) != 2 || f[0].Kept || !f[1].Kept {
		t.Fatalf("the files are %+v", f)
	}
	noError(t, l.Remove(1))
	if f := l.Files(nil); len(f) != 1 || f[0].Kept {
		t.Fatalf("the files are %+v", f)
	}
	left, err := list(mem.CrashClone(vfs.CrashCloneCfg{}), dir)
	if noError(t, err); !slices.Equal(left, []uint64{2, 3}) {
		t.Errorf("after a loss of power the files are %v", left)
	}
	noError(t, l.Close())
}

// TestRemoveSyncs: what nobody needs goes when what says so is on the disk, and not before.
func TestRemoveSyncs(t *testing.T) {
	fs, fail := newFS(t), false
	l := begun(t, Options{FS: failing(fs, &fail, errorfs.OpFileSyncData), Bytes: 1})
	commit(t, l, true, 1, 1, 3, 0)
	commit(t, l, false, 2, 0, 0) // it says that they are not needed
	l.Release(0, store.Range{From: 1, To: 4})
	fail = true
	if err := l.Remove(2); !errors.Is(err, syscall.EIO) {
		t.Errorf("removed with error %v", err)
	}
	if left, err := list(fs, dir); err != nil || !slices.Equal(left, []uint64{1, 2, 3}) {
		t.Errorf("the files are %v, error %v", left, err)
	}
	noError(t, l.Close())
}
