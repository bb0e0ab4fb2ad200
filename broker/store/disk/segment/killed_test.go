package segment

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// killed returns a log of nine records that a killed process has left: but for the first three they are not synced.
func killed(t *testing.T) *vfs.MemFS {
	t.Helper()
	mem := newFS(t)
	l := begun(t, Options{FS: mem, Bytes: 1 << 30})
	commit(t, l, true, 1, 1, 3, 0)
	commit(t, l, false, 2, 4, 3, 0)
	commit(t, l, false, 3, 7, 3, 0)
	return mem
}

// TestKilled: what a killed process has left with the operating system is on the disk before anything comes behind it, and no sync of
// the old file is trusted for that: one that fails says so only once.
func TestKilled(t *testing.T) {
	mem := killed(t)
	old := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, "1"+Ext) && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	l := begun(t, Options{FS: old, Bytes: 1 << 30})
	for range 3 {
		if seqs, err := numbers(t, l, 0); err != nil || !slices.Equal(seqs, upTo(9)) || !slices.Equal(pairsOf(t, l, 0), upTo(3)) {
			t.Errorf("the records are %v, the pairs %v, error %v", seqs, pairsOf(t, l, 0), err)
		}
		l = begun(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), Bytes: 1 << 30})
	}
}

// TestKilledAnywhere: nor is anything lost if the next process is killed too, at any moment, even if the power goes once another has
// started; nor what was synced, if the power goes at that moment.
func TestKilledAnywhere(t *testing.T) {
	for at := 1; ; at++ {
		mem, left := killed(t), at
		var off *vfs.MemFS
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			if left--; left == 0 {
				off = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 40, RNG: rand.New(rand.NewPCG(uint64(at), 1))})
			}
			if left <= 0 {
				return syscall.EIO
			}
			return nil
		}))
		if l, err := Open(Options{FS: fs, Dir: dir, Bytes: 1 << 30}); err == nil {
			_ = l.Begin() // that is how it ends
		}
		if off == nil {
			if at < 6 {
				t.Errorf("only %d moments", at-1)
			}
			return
		}
		if n, _, err := numbersAfter(t, off); err != nil || n < 3 || n%3 > 0 {
			t.Errorf("the power is off before write %d: %d records, error %v", at, n, err)
		}
		begun(t, Options{FS: mem, Bytes: 1 << 30})
		if n, _, err := numbersAfter(t, mem.CrashClone(vfs.CrashCloneCfg{})); err != nil || n != 9 {
			t.Errorf("killed before write %d: %d records, error %v", at, n, err)
		}
	}
}

// TestKilledOften: processes that are killed before they write leave no file each.
func TestKilledOften(t *testing.T) {
	mem := killed(t)
	for range 5 {
		begun(t, Options{FS: mem, Bytes: 1 << 30})
	}
	if numbers, err := list(mem, dir); err != nil || len(numbers) > 3 {
		t.Errorf("the files are %v, error %v", numbers, err)
	}
}

// TestUnsyncedGone: what could not be synced may be gone afterwards. Whoever goes on with it is told that, and not that the log is
// damaged, and a new process finds what was synced.
func TestUnsyncedGone(t *testing.T) {
	for name, rest := range map[string]string{"shorter": "", "zeros": strings.Repeat("\x00", 1000), "noise": strings.Repeat("noise", 200)} {
		t.Run(name, func(t *testing.T) {
			mem, fail := newFS(t), false
			o := Options{FS: failing(mem, &fail, errorfs.OpFileSyncData), Bytes: 1 << 30}
			l := begun(t, o)
			commit(t, l, true, 1, 1, 3, 0)
			synced, path := l.synced, l.last().path
			commit(t, l, false, 2, 4, 3, 0)
			fail = true
			if err := l.Sync(); !errors.Is(err, syscall.EIO) {
				t.Fatalf("error %v", err)
			}
			fail = false
			noError(t, l.Close())
			replace(t, mem, path, append(content(t, mem, path)[:synced], rest...))
			o.Cut, o.Dir = l.Cut(), dir
			for range 2 {
				l, err := Open(o)
				if err == nil {
					err = errors.Join(l.Begin(), l.Close())
				}
				if !errors.Is(err, ErrUnsynced) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
					t.Errorf("error %v", err)
				}
			}
			l = begun(t, Options{FS: mem, Bytes: 1 << 30})
			if seqs, err := numbers(t, l, 0); err != nil || !slices.Equal(seqs, upTo(3)) {
				t.Errorf("a new process finds %v, error %v", seqs, err)
			}
			noError(t, l.Close())
		})
	}
}

// TestReadersWait: nobody reads what could not be synced.
func TestReadersWait(t *testing.T) {
	fail := false
	l := begun(t, Options{FS: failing(newFS(t), &fail, errorfs.OpFileSyncData), Bytes: 1 << 30})
	commit(t, l, true, 1, 1, 3, 0)
	fail = true
	if err := l.Write(batch(2, 4, 3, 0), true); !errors.Is(err, syscall.EIO) {
		t.Fatalf("error %v", err)
	}
	if seqs, err := numbers(t, l, 0); err != nil || !slices.Equal(seqs, upTo(3)) {
		t.Errorf("the records are %v, error %v", seqs, err)
	}
	noError(t, l.Close())
}
