package segment

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestEmptyFiles: neither starts nor errors that nothing came of leave a file each, while an old file is needed.
func TestEmptyFiles(t *testing.T) {
	mem, fail := newFS(t), false
	fs := failing(mem, &fail, errorfs.OpFileSyncData)
	o := Options{FS: fs, Bytes: 1 << 30}
	l := begun(t, o)
	commit(t, l, true, 1, 1, 3, 0)
	for range 5 {
		noError(t, l.Close())
		l = begun(t, o)
	}
	for range 5 {
		l = failOnce(t, l, o, &fail, batch(2, 4, 3, 0), true)
	}
	if numbers, err := list(fs, dir); err != nil || len(numbers) > 2 {
		t.Errorf("the files are %v, error %v", numbers, err)
	}
	commit(t, l, true, 2, 4, 3, 0)
	noError(t, l.Close())
	if n, _, err := numbersAfter(t, mem); err != nil || n != 6 {
		t.Errorf("%d records, error %v", n, err)
	}
}

func numbersAfter(t *testing.T, fs vfs.FS) (n int, torn Torn, err error) {
	t.Helper()
	l, err := Open(Options{FS: fs, Dir: dir, Bytes: 1 << 30})
	if err != nil {
		return 0, torn, err
	}
	seqs, err := numbers(t, l, 0)
	return len(seqs), l.Torn(), err
}

// TestEmptyFileCrash: a loss of power at any moment while an empty file is made again loses nothing that was acknowledged before.
func TestEmptyFileCrash(t *testing.T) {
	for at := 1; ; at++ {
		mem, left := newFS(t), -1
		var clone *vfs.MemFS
		fail := false
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if fail && op.Kind == errorfs.OpFileSyncData {
				return syscall.EIO
			}
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				if left--; left == 0 {
					clone = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(at), 1))})
				}
			}
			return nil
		}))
		o := Options{FS: fs, Bytes: 1 << 30}
		l := begun(t, o)
		commit(t, l, true, 1, 1, 100, 0)
		l = failOnce(t, l, o, &fail, batch(2, 101, 100, 0), true)
		noError(t, l.Close())
		left, o.Cut = at, nil
		l = begun(t, o) // its newest file is empty
		noError(t, l.Close())
		if clone == nil {
			if at < 4 {
				t.Errorf("only %d crashes", at-1)
			}
			return
		}
		l = begun(t, Options{FS: clone, Bytes: 1 << 30})
		seqs, err := numbers(t, l, 0)
		if err != nil || !slices.Equal(seqs, upTo(100)) && !slices.Equal(seqs, upTo(200)) {
			t.Errorf("crash %d: %d records, error %v", at, len(seqs), err)
		}
		noError(t, l.Close())
	}
}
