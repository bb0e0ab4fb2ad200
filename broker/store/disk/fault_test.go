package disk_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// faults makes operations on a folder's logs fail while it is on.
type faults struct {
	on    atomic.Bool
	kinds []errorfs.OpKind
}

func (f *faults) MaybeError(op errorfs.Op) error {
	if !f.on.Load() || filepath.Ext(op.Path) != ".log" {
		return nil
	}
	for _, k := range f.kinds {
		if k == op.Kind {
			return syscall.EIO
		}
	}
	return nil
}

func (f *faults) String() string { return "faults" }

func appendAndWait(p store.Part, rec string) (uint64, error) {
	type result struct {
		seq uint64
		err error
	}
	c := make(chan result, 1)
	p.Append([]byte(rec), func(seq uint64, err error) { c <- result{seq, err} })
	r := <-c
	return r.seq, r.err
}

func acquire(t testing.TB, s store.Store, n int) store.Part {
	t.Helper()
	p, err := s.Acquire(t.Context(), n)
	noError(t, err)
	return p
}

// readAll returns all records, and fails if one is missing.
func readAll(t testing.TB, p store.Part) []string {
	t.Helper()
	var out []string
	noError(t, p.Read(t.Context(), 0, func(seq uint64, rec []byte) error {
		if seq != uint64(len(out))+1 {
			t.Fatalf("record %d comes after %d", seq, len(out))
		}
		out = append(out, string(rec))
		return nil
	}))
	return out
}

// TestWriteErrors: an I/O error fails what met it, with an error that names the folder; the store then goes on by itself, and
// loses nothing that was acknowledged.
func TestWriteErrors(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"sync":             {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
		"write":            {errorfs.OpFileWrite},
		"write and reopen": {errorfs.OpFileWrite, errorfs.OpCreate, errorfs.OpReuseForWrite},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faults{kinds: kinds}
			mem := vfs.NewCrashableMem()
			s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, f)})
			p := acquire(t, s, 0)
			var want []string
			for round := range 3 {
				for i := range 5 {
					rec := fmt.Sprintf("%d/%d", round, i)
					_, err := appendAndWait(p, rec)
					noError(t, err)
					want = append(want, rec)
				}
				noError(t, s.Health())
				f.on.Store(true)
				for range 3 {
					seq, err := appendAndWait(p, "failed")
					if !errors.Is(err, syscall.EIO) || seq != 0 || !strings.Contains(err.Error(), "write to store "+crashDir) {
						t.Fatalf("append returned %d and error: %v", seq, err)
					}
				}
				if err := s.Health(); !errors.Is(err, syscall.EIO) {
					t.Errorf("Health is %v", err)
				}
				f.on.Store(false)
			}
			_, err := appendAndWait(p, "last")
			noError(t, err)
			want = append(want, "last")
			noError(t, s.Health())
			got := readAll(t, p)
			noError(t, s.Close())
			s = mustOpen(t, disk.Options{Dir: crashDir, FS: mem.CrashClone(vfs.CrashCloneCfg{})})
			for _, recs := range [][]string{got, readAll(t, acquire(t, s, 0))} {
				var acked []string
				for _, rec := range recs {
					if rec != "failed" { // it may be there: the outcome is unknown
						acked = append(acked, rec)
					}
				}
				if fmt.Sprint(acked) != fmt.Sprint(want) {
					t.Errorf("what was acknowledged is %v instead of %v", acked, want)
				}
			}
			noError(t, s.Close())
		})
	}
}

// TestPebbleGivesUp: when Pebble cannot go on, the process ends and says where and why.
func TestPebbleGivesUp(t *testing.T) {
	if os.Getenv("DUNLIN_TEST_GIVE_UP") == "" {
		self := exec.Command(os.Args[0], "-test.run=^TestPebbleGivesUp$")
		self.Env = append(os.Environ(), "DUNLIN_TEST_GIVE_UP=1")
		out, err := self.CombinedOutput()
		if want := `pebble cannot go on without a new log" path=` + crashDir; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("the process ended with %v and does not say %s:\n%s", err, want, out)
		}
		return
	}
	f := &faults{kinds: []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(vfs.NewMem(), f), Log: log})
	p := acquire(t, s, 0)
	f.on.Store(true)
	big := strings.Repeat("x", 1<<20)
	for range 100 { // more than a log takes
		_, _ = appendAndWait(p, big)
	}
	noError(t, s.Close())
}

// TestFullDisk: what needs room is refused, trims are not, and the store goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	fs := vfs.NewMem()
	room := func(bytes uint64) {
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: bytes, TotalBytes: 1 << 30})
	}
	room(1000)
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, ReserveBytes: 1000})
	p := acquire(t, s, 0)
	for range 10 {
		_, err := appendAndWait(p, "x")
		noError(t, err)
	}
	s.Retain("a", []byte("x"), nil)
	room(999)
	_, appendErr := appendAndWait(p, "x")
	c := make(chan error, 1)
	retain := func(rec []byte) error {
		s.Retain("a", rec, func(err error) { c <- err })
		return <-c
	}
	p.Checkpoint(nil, 1, func(err error) { c <- err })
	for what, err := range map[string]error{"append": appendErr, "checkpoint": <-c, "retain": retain([]byte("y")), "health": s.Health()} {
		if err == nil || !strings.Contains(err.Error(), "disk is full") || !strings.Contains(err.Error(), crashDir) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	noError(t, p.TrimTo(8))
	noError(t, retain(nil))
	if s.Health() == nil {
		t.Error("the store is well because a trim succeeded")
	}
	var first uint64
	noError(t, p.Read(t.Context(), 0, func(seq uint64, _ []byte) error {
		if first == 0 {
			first = seq
		}
		return nil
	}))
	if first != 8 {
		t.Errorf("the log begins at %d although it was to be trimmed to 8", first)
	}
	room(1000)
	noError(t, s.Health())
	if seq, err := appendAndWait(p, "x"); err != nil || seq != 11 {
		t.Errorf("append returned %d, error %v", seq, err)
	}
	noError(t, s.Health())
	noError(t, s.Close())
}
