package segment

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// three returns a log of three commits in one file, and where each ends in it.
func three(t testing.TB) (fs *vfs.MemFS, path string, ends []int64) {
	t.Helper()
	fs = newFS(t)
	l := begun(t, Options{FS: fs, Bytes: 1 << 30})
	for i := range uint64(3) {
		commit(t, l, true, 1+i, 1+i*4, 4, 0, 9)
		ends = append(ends, l.written)
	}
	path = l.last().path
	noError(t, l.Close())
	return fs, path, ends
}

// look opens the log and reads all of it; it returns the number of records of a partition.
func look(t testing.TB, fs vfs.FS) (n int, torn Torn, err error) {
	t.Helper()
	l, err := Open(Options{FS: fs, Dir: dir, Bytes: 1 << 30})
	if err != nil {
		return 0, torn, err
	}
	for _, part := range []int{0, 9} {
		seqs, err := numbers(t, l, part)
		if err != nil {
			return 0, torn, err
		}
		n = len(seqs)
	}
	pairs := 0
	err = l.Pairs(0, func(uint64, []byte) error { pairs++; return nil })
	if err == nil && pairs*4 != n {
		t.Errorf("%d pairs, %d records", pairs, n)
	}
	return n, l.Torn(), err
}

// TestTorn: wherever the last write was cut off, or overwritten with zeros or noise from there on, the commits before it are there, and
// it is not; when the log goes on, nothing is torn any more.
func TestTorn(t *testing.T) {
	fs, path, ends := three(t)
	good := content(t, fs, path)
	for at := ends[1]; at < ends[2]; at++ {
		for _, rest := range []string{"", strings.Repeat("\x00", 300), strings.Repeat("\xd7\x02noise", 30)} {
			replace(t, fs, path, append(slices.Clone(good[:at]), rest...))
			n, torn, err := look(t, fs)
			wasTorn := at > ends[1] || rest != ""
			if err != nil || n != 8 || (torn.Path == path) != wasTorn || wasTorn && torn.Offset != ends[1] {
				t.Fatalf("cut off at %d of %d, then %d bytes: %d records, torn %v, error %v", at, len(good), len(rest), n, torn, err)
			}
		}
	}
	l := begun(t, Options{FS: fs, Bytes: 1 << 30})
	commit(t, l, true, 3, 9, 4, 0, 9)
	noError(t, l.Close())
	if n, torn, err := look(t, fs); n != 12 || torn.Path != "" || err != nil {
		t.Errorf("gone on: %d records, torn %v, error %v", n, torn, err)
	}
}

// TestDamage: a bit that is wrong anywhere but in the last write is damage, and so is one anywhere in a file that another follows: the
// error names the file. It never goes unnoticed.
func TestDamage(t *testing.T) {
	fs, path, ends := three(t)
	good := content(t, fs, path)
	check := func(what string, size int64) {
		for at := range size {
			bad := slices.Clone(good)
			bad[at] ^= 0x04
			replace(t, fs, path, bad)
			if n, torn, err := look(t, fs); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Fatalf("%s: byte %d of %d: %d records, torn %v, error %v", what, at, len(good), n, torn, err)
			}
		}
		replace(t, fs, path, good)
	}
	check("the newest", ends[1])
	l := begun(t, Options{FS: fs, Bytes: 1})
	commit(t, l, true, 4, 13, 4, 0, 9)
	check("a file that was not ended", ends[2])
	noError(t, l.Rotate())
	noError(t, l.Close())
	path = l.files[1].path
	good = content(t, fs, path)
	check("one that was", int64(len(good))-trailerSize-1)
	replace(t, fs, path, good[:len(good)-1])
	if _, _, err := look(t, fs); !errors.Is(err, ErrDamaged) {
		t.Errorf("one that is too short: error %v", err)
	}
}

// TestForged: a record that looks like a block of an old file does not make a torn tail damage.
func TestForged(t *testing.T) {
	fs, path, ends := three(t)
	good := content(t, fs, path)
	forged := batch(9, 1, 1, 0)
	forged.seal(12345, 1<<30)
	replace(t, fs, path, append(good[:ends[2]-20:ends[2]-20], forged.buf...))
	if n, torn, err := look(t, fs); n != 8 || torn.Path != path || err != nil {
		t.Errorf("%d records, torn %v, error %v", n, torn, err)
	}
}

// FuzzOpen: whatever a file has, it is read, or an error; it is not changed, and the log can go on if it is read.
func FuzzOpen(f *testing.F) {
	fs, path, _ := three(f)
	good := content(f, fs, path)
	f.Add(good)
	f.Add(good[:len(good)-5])
	l := begun(f, Options{FS: fs, Bytes: 1})
	noError(f, l.Rotate())
	f.Add(content(f, fs, path))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := newFS(t)
		path := pathOf(fs, dir, 1)
		replace(t, fs, path, b)
		l, err := Open(Options{FS: fs, Dir: dir, Bytes: 1 << 30})
		if err != nil {
			return
		}
		for part := range store.Partitions {
			r := l.Reader(part)
			for from := uint64(0); ; {
				seq, rec, err := r.Next(from)
				if err != nil || rec == nil || seq == 1<<64-1 {
					break
				}
				from = seq + 1
			}
			r.Close()
		}
		_ = l.Pairs(0, func(uint64, []byte) error { return nil })
		if err := l.Begin(); err != nil {
			t.Fatal(err)
		}
		noError(t, l.Close())
		headless := l.Torn() == Torn{Path: path} // such a file is made again
		if !headless && string(content(t, fs, path)) != string(b) {
			t.Error("the file has been changed")
		}
	})
}

// TestTwice: a file that has records, or pairs, that another has too is damage: somebody has copied it.
func TestTwice(t *testing.T) {
	for _, pairs := range []uint64{0, 1} {
		fs := newFS(t)
		l := begun(t, Options{FS: fs, Bytes: 1 << 30})
		commit(t, l, true, pairs, 1, int(1-pairs), 0)
		noError(t, l.Close())
		replace(t, fs, pathOf(fs, dir, 7), content(t, fs, l.last().path))
		if _, err := Open(Options{FS: fs, Dir: dir}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "000007") {
			t.Errorf("error %v", err)
		}
	}
}
