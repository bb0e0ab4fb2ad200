package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const dir = "log"

// newFS returns a file system with the log's folder.
func newFS(t testing.TB) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	noError(t, fs.MkdirAll(dir, 0o700))
	noError(t, syncDir(fs, ""))
	return fs
}

// begun opens the log and makes the file that is written to.
func begun(t testing.TB, o Options) *Log {
	t.Helper()
	o.Dir = dir
	l, err := Open(o)
	noError(t, err)
	noError(t, l.Begin())
	return l
}

// commit writes count records from number first on of each partition, and pairs of number.
func commit(t testing.TB, l *Log, sync bool, number, first uint64, count int, parts ...int) {
	t.Helper()
	b := batch(number, first, count, parts...)
	noError(t, l.Write(b, sync))
}

func batch(number, first uint64, count int, parts ...int) *Batch {
	b := new(Batch)
	if number > 0 {
		b.Pairs(number, fmt.Append(nil, "pairs ", number))
	}
	for _, part := range parts {
		for i := range count {
			b.Record(part, first+uint64(i), []byte(text(part, first+uint64(i))))
		}
	}
	return b
}

func text(part int, seq uint64) string {
	return fmt.Sprint(part, "/", seq, strings.Repeat(" padding", int(seq)%50))
}

// numbers returns the numbers of a partition's records, which it checks.
func numbers(t testing.TB, l *Log, part int) (seqs []uint64, err error) {
	t.Helper()
	r := l.Reader(part)
	defer r.Close()
	for from := uint64(0); ; {
		seq, rec, err := r.Next(from)
		if err != nil || rec == nil {
			return seqs, err
		}
		if string(rec) != text(part, seq) {
			t.Fatalf("record %d of partition %d is %q", seq, part, rec)
		}
		seqs = append(seqs, seq)
		from = seq + 1
	}
}

func upTo(n uint64) (seqs []uint64) {
	for seq := uint64(1); seq <= n; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

func pairsOf(t testing.TB, l *Log, after uint64) (got []uint64) {
	t.Helper()
	noError(t, l.Pairs(after, func(n uint64, data []byte) error {
		if string(data) != fmt.Sprint("pairs ", n) {
			t.Errorf("pairs %d are %q", n, data)
		}
		got = append(got, n)
		return nil
	}))
	return got
}

// TestLog: what was written is read, in order or not, in many files or one, before and after the log is opened again.
func TestLog(t *testing.T) {
	for _, bytes := range []int64{1, 4 << 10, 1 << 30} {
		fs := newFS(t)
		o := Options{FS: fs, Bytes: bytes}
		l := begun(t, o)
		for i := range uint64(40) {
			commit(t, l, true, i/2*(i%2)+i%2, 1+i*50, 50, 3, 31)
		}
		for round := range 3 {
			for _, part := range []int{3, 31, 7} {
				seqs, err := numbers(t, l, part)
				want := upTo(2000)
				if part == 7 {
					want = nil
				}
				if noError(t, err); !slices.Equal(seqs, want) {
					t.Fatalf("files of %d bytes, round %d: partition %d has %d records", bytes, round, part, len(seqs))
				}
			}
			r := l.Reader(3)
			for _, seq := range []uint64{1, 2, 700, 702, 5, 2000, 2001, 1999, 0} {
				rec, err := r.Get(seq)
				if noError(t, err); (rec != nil) != (seq >= 1 && seq <= 2000) || rec != nil && string(rec) != text(3, seq) {
					t.Errorf("record %d is %q", seq, rec)
				}
			}
			r.Close()
			if got := pairsOf(t, l, 5); !slices.Equal(got, upTo(20)[5:]) {
				t.Errorf("the pairs after 5 are %v", got)
			}
			if b := l.Bounds(31); b != (store.Range{From: 1, To: 2001}) {
				t.Errorf("the bounds are %v", b)
			}
			noError(t, l.Close())
			l = begun(t, o)
		}
		noError(t, l.Close())
	}
}

// TestRelease: a file knows how many of its records are needed, and one that is not goes.
func TestRelease(t *testing.T) {
	fs := newFS(t)
	o := Options{FS: fs, Bytes: 1}
	l := begun(t, o)
	for i := range uint64(4) {
		commit(t, l, true, 0, 1+i*10, 10, 5)
	}
	l.Release(5, store.Range{From: 0, To: 11})
	l.Release(5, store.Range{From: 15, To: 25})
	live := func() (out []uint64) {
		for _, f := range l.Files(nil) {
			out = append(out, f.Live)
		}
		return out
	}
	if diff := cmp.Diff([]uint64{0, 0, 4, 6}, live()); diff != "" { // the first has but a head
		t.Errorf("Live (-want +got):\n%s", diff)
	}
	noError(t, l.Remove(l.Files(nil)[1].Number))
	commit(t, l, true, 1, 0, 0) // a file without records
	for _, f := range l.Files(nil) {
		noError(t, l.Remove(f.Number))
	}
	if seqs, err := numbers(t, l, 5); err != nil || seqs != nil {
		t.Errorf("after all files have gone the records are %v, error %v", seqs, err)
	}
	commit(t, l, true, 0, 41, 4, 5)
	seqs, err := numbers(t, l, 5)
	if noError(t, err); !slices.Equal(seqs, upTo(44)[40:]) {
		t.Errorf("then the records are %v", seqs)
	}
	noError(t, l.Close())
	if l = begun(t, o); l.Bounds(5).From != 41 {
		t.Errorf("the bounds are %v", l.Bounds(5))
	}
	noError(t, l.Close())
}

// failing returns a file system whose operations of some kind on files of the log fail while on is true.
func failing(fs vfs.FS, on *bool, kinds ...errorfs.OpKind) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if *on && strings.HasSuffix(op.Path, Ext) && slices.Contains(kinds, op.Kind) {
			return syscall.EIO
		}
		return nil
	}))
}

// failOnce has a write of b to l fail by what on turns on, and returns the log that is opened after it, and told of it.
func failOnce(t *testing.T, l *Log, o Options, on *bool, b *Batch, sync bool) *Log {
	t.Helper()
	*on = true
	if err := l.Write(b, sync); !errors.Is(err, syscall.EIO) {
		t.Fatalf("error %v", err)
	}
	*on = false
	noError(t, l.Close())
	o.Cut = l.Cut()
	return begun(t, o)
}

// TestCut: after an error the log goes on behind what was synced, with what was written before and not synced, and without what
// failed; and it is like that on the disk.
func TestCut(t *testing.T) {
	for name, kind := range map[string]errorfs.OpKind{"write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData, "create": errorfs.OpCreate} {
		t.Run(name, func(t *testing.T) {
			fs, fail := newFS(t), false
			o := Options{FS: failing(fs, &fail, kind), Bytes: 1 << 30}
			if kind == errorfs.OpCreate {
				o.Bytes = 1
			}
			l := begun(t, o)
			commit(t, l, true, 1, 1, 3, 0)
			commit(t, l, kind == errorfs.OpCreate, 2, 4, 3, 0) // only written
			fail = true
			if err := l.Write(batch(3, 7, 3, 0), true); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), Ext) {
				t.Fatalf("error %v", err)
			}
			if err := l.Write(batch(3, 7, 3, 0), true); !errors.Is(err, errFailed) {
				t.Errorf("after an error: %v", err)
			}
			noError(t, l.Close())
			for range 2 { // it fails to be opened
				o.Cut, o.Dir = l.Cut(), dir
				var err error
				l, err = Open(o)
				noError(t, err)
				if err := l.Begin(); kind != errorfs.OpFileSyncData && err == nil {
					t.Error("it begins on a disk that fails")
				}
				noError(t, l.Close())
			}
			fail = false
			l = begun(t, o)
			commit(t, l, true, 3, 7, 1, 0)
			for range 2 {
				seqs, err := numbers(t, l, 0)
				if noError(t, err); !slices.Equal(seqs, upTo(7)) || !slices.Equal(pairsOf(t, l, 0), upTo(3)) {
					t.Errorf("the records are %v, the pairs %v", seqs, pairsOf(t, l, 0))
				}
				noError(t, l.Close())
				l = begun(t, Options{FS: fs.CrashClone(vfs.CrashCloneCfg{}), Bytes: 1 << 30})
				if torn := l.Torn(); torn.Path != "" {
					t.Errorf("torn: %v", torn)
				}
			}
			noError(t, l.Close())
		})
	}
}

// content returns what a file has.
func content(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	noError(t, err)
	b, err := io.ReadAll(f)
	noError(t, errors.Join(err, f.Close()))
	return b
}

func replace(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	noError(t, err)
	_, err = f.Write(slices.Clone(b))
	noError(t, errors.Join(err, f.Sync(), f.Close()))
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
