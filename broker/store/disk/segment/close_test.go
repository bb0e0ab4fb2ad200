package segment

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// closed returns a log of 6000 records that was closed, and its file.
func closed(t *testing.T) (mem *vfs.MemFS, path string) {
	t.Helper()
	mem = newFS(t)
	l := begun(t, Options{FS: mem, Bytes: 1 << 30})
	for i := range uint64(100) {
		commit(t, l, false, 1+i, 1+i*60, 60, 0)
	}
	path = l.last().path
	noError(t, l.Close())
	return mem, path
}

// check6000 looks for the records, and for pairs up to a number.
func check6000(t *testing.T, what string, l *Log, pairs int) {
	t.Helper()
	if seqs, err := numbers(t, l, 0); err != nil || !slices.Equal(seqs, upTo(6000)) || len(pairsOf(t, l, 0)) != pairs {
		t.Errorf("%s there are %d records and %d pairs, error %v", what, len(seqs), len(pairsOf(t, l, 0)), err)
	}
}

// TestClosed: what was closed is not read to be opened, now or later, and is on the disk.
func TestClosed(t *testing.T) {
	mem, path := closed(t)
	size := len(content(t, mem, path))
	if size < 16*windowBytes {
		t.Fatalf("the file has but %d bytes", size)
	}
	reads := 0
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt {
			reads++
		}
		return nil
	}))
	for range 3 { // the last one with a file behind it
		reads = 0
		l := begun(t, Options{FS: fs, Bytes: 1 << 30})
		if reads > 8 {
			t.Errorf("it is read %d times to be opened", reads)
		}
		check6000(t, "opened again", l, 100)
		noError(t, l.Close())
	}
	check6000(t, "after a loss of power", begun(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), Bytes: 1 << 30}), 100)
}

// TestClosedWithoutIndex: nothing depends on the index of a log that was closed: it may be missing, torn or damaged, before or after the log
// was opened again. That is no damage, but what is missing of the records is.
func TestClosedWithoutIndex(t *testing.T) {
	for what, spoil := range map[string]func(b []byte, data int64) []byte{
		"missing":         func(b []byte, data int64) []byte { return b[:data] },
		"torn":            func(b []byte, data int64) []byte { return b[:(data+int64(len(b)))/2] },
		"without its end": func(b []byte, _ int64) []byte { return b[:len(b)-1] },
		"zeros":           func(b []byte, data int64) []byte { clear(b[data:]); return b },
		"damaged":         func(b []byte, data int64) []byte { b[data+headerSize] ^= 1; return b },
		"as it was":       func(b []byte, _ int64) []byte { return b },
	} {
		for _, opened := range []bool{false, true} {
			mem, path := closed(t)
			l, err := Open(Options{FS: mem, Dir: dir})
			noError(t, err)
			data := l.last().offset
			if opened {
				commit(t, begun(t, Options{FS: mem, Bytes: 1 << 30}), true, 0, 1, 1, 5)
			}
			b := content(t, mem, path)
			replace(t, mem, path, spoil(slices.Clone(b), data))
			for round := range 3 {
				l := begun(t, Options{FS: mem, Bytes: 1 << 30})
				check6000(t, "with an index that is "+what, l, 100+round)
				commit(t, l, true, 101+uint64(round), 0, 0)
				noError(t, l.Close())
			}
			replace(t, mem, path, b[:data-1])
			if l, err := Open(Options{FS: mem, Dir: dir}); err == nil {
				if seqs, _ := numbers(t, l, 0); len(seqs) < 6000 {
					t.Errorf("with an index that was %s, and without a part of a record, there are %d records and no error", what, len(seqs))
				}
			} else if !errors.Is(err, ErrDamaged) {
				t.Error(err)
			}
		}
	}
}
