package segment

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// TestLiveBytes: a file knows how many bytes are needed of it, also if what is not needed is large and what is needed is small, and
// after it was opened again, with an index and without.
func TestLiveBytes(t *testing.T) {
	fs := newFS(t)
	l := begun(t, Options{FS: fs, Bytes: 1 << 30})
	b := new(Batch)
	for seq := uint64(1); seq <= 20; seq++ { // every fourth is large
		size := 1000
		if seq%4 == 0 {
			size = 100 << 10
		}
		b.Record(5, seq, []byte(strings.Repeat("x", size)))
		b.Record(6, seq, []byte("x"))
	}
	noError(t, l.Write(b, true))
	check := func(what string, all, live uint64) {
		t.Helper()
		f := l.Files(nil)[0]
		if got := f.Bytes / 1000; got != all {
			t.Errorf("%s: the file has %d kB of records instead of %d", what, got, all)
		}
		if got := f.LiveBytes / 1000; got != live {
			t.Errorf("%s: %d kB are needed instead of %d", what, got, live)
		}
	}
	path := l.last().path
	open := func() {
		noError(t, l.Close())
		l = begun(t, Options{FS: fs, Bytes: 1 << 30})
	}
	release := func(what string) {
		check(what+"all", 527, 527)
		l.Release(5, store.Range{From: 3, To: 9}) // two are large
		check(what+"some", 527, 318)
		l.Release(5, store.Range{From: 9, To: 21})
		check(what+"two", 527, 2)
		l.Release(5, store.Range{From: 1, To: 3})
		if f := l.Files(nil)[0]; f.Live != 20 || f.LiveBytes != 40 {
			t.Errorf("%s%d records with %d bytes are needed instead of 20 with 40", what, f.Live, f.LiveBytes)
		}
	}
	noError(t, l.Rotate())
	release("ended: ")
	open()
	release("read from the index: ")
	replace(t, fs, path, content(t, fs, path)[:l.last().before-1]) // the index is not whole
	noError(t, fs.Remove(l.last().path))
	open()
	release("read: ")
	noError(t, l.Close())
}
