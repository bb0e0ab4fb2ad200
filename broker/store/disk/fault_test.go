package disk_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
	"github.com/dunlin-mqtt/dunlin/broker/store/storetest"
)

// faults makes operations on a folder's logs fail while it is on.
type faults struct {
	on    atomic.Bool
	kinds []errorfs.OpKind
}

func (f *faults) MaybeError(op errorfs.Op) error {
	if !f.on.Load() || filepath.Ext(op.Path) != segment.Ext {
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

func acquire(t testing.TB, s store.Store, n int) *storetest.Log {
	t.Helper()
	return storetest.Acquire(t, s, n)
}

// readAll returns all records, and fails if one is missing.
func readAll(t testing.TB, p *storetest.Log) []string {
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
					_, err := p.AppendAndWait(rec)
					noError(t, err)
					want = append(want, rec)
				}
				noError(t, s.Health())
				f.on.Store(true)
				for range 3 {
					seq, err := p.AppendAndWait("failed")
					if !errors.Is(err, syscall.EIO) || seq != 0 || !strings.Contains(err.Error(), "write to store "+crashDir) {
						t.Fatalf("append returned %d and error: %v", seq, err)
					}
				}
				if err := s.Health(); !errors.Is(err, syscall.EIO) {
					t.Errorf("Health is %v", err)
				}
				f.on.Store(false)
			}
			_, err := p.AppendAndWait("last")
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
		if want := "store " + crashDir + ": pebble cannot go on"; err == nil || !strings.Contains(string(out), want) {
			t.Errorf("the process ended with %v and does not say %s:\n%s", err, want, out)
		}
		return
	}
	var on atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "MANIFEST-") {
			return syscall.EIO
		}
		return nil
	}))
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), MaxBytes: 1 << 30})
	p := acquire(t, s, 0)
	on.Store(true)
	big := strings.Repeat("x", 1<<20)
	for i := range uint64(100) { // more than a table takes
		_, _ = p.AppendAndWait("x")
		_ = checkpointAndWait(p, []store.KV{{Key: fmt.Sprint(i), Value: []byte(big)}}, i+1)
	}
	_ = s.Close()
}

// TestNoNewFile: a file of the log that cannot be made is an error like another, after which the store goes on.
func TestNoNewFile(t *testing.T) {
	f := &faults{kinds: []errorfs.OpKind{errorfs.OpCreate}}
	mem := vfs.NewCrashableMem()
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(mem, f), MaxBytes: 8 << 20})
	p := acquire(t, s, 0)
	var want []string
	rec := strings.Repeat("x", 100<<10)
	write := func(times int) (failed int) {
		for range times {
			rec := fmt.Sprint(len(want), rec)
			if _, err := p.AppendAndWait(rec); err != nil {
				failed++
				continue
			}
			want = append(want, rec)
		}
		return failed
	}
	f.on.Store(true)
	if n := write(20); n == 0 || n == 20 {
		t.Errorf("%d of 20 writes failed", n)
	}
	f.on.Store(false)
	if n := write(20); n > 0 {
		t.Errorf("%d writes failed although files can be made", n)
	}
	noError(t, s.Close())
	s = mustOpen(t, disk.Options{Dir: crashDir, FS: mem.CrashClone(vfs.CrashCloneCfg{})})
	if got := readAll(t, acquire(t, s, 0)); !slices.Equal(got, want) {
		t.Errorf("%d records are there instead of %d", len(got), len(want))
	}
	noError(t, s.Close())
}

// TestWriteErrorOfSeveral: a write of several partitions that fails is in all of them afterwards or in none, and what follows
// has the next numbers.
func TestWriteErrorOfSeveral(t *testing.T) {
	for name, kinds := range map[string][]errorfs.OpKind{
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
		"write": {errorfs.OpFileWrite},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faults{kinds: kinds}
			s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(vfs.NewMem(), f)})
			parts := []*storetest.Log{acquire(t, s, 3), acquire(t, s, 9), acquire(t, s, 27)}
			write := func(rec string) (*store.Write, error) {
				w := &store.Write{Retain: []store.Retained{{Topic: "a", Record: []byte(rec)}}}
				for _, p := range parts {
					w.Records = append(w.Records, store.Record{Part: p.N, Data: []byte(rec)})
				}
				return w, writeAndWait(s, w)
			}
			_, err := write("good")
			noError(t, err)
			f.on.Store(true)
			if _, err := write("failed"); !errors.Is(err, syscall.EIO) {
				t.Errorf("error %v", err)
			}
			f.on.Store(false)
			w, err := write("good")
			noError(t, err)
			want := readAll(t, parts[0])
			for i, p := range parts {
				if got := readAll(t, p); fmt.Sprint(got) != fmt.Sprint(want) || w.Records[i].Seq != uint64(len(want)) {
					t.Errorf("partition %d has %v and another %v; the last write's number is %d", p.N, got, want, w.Records[i].Seq)
				}
			}
			if n := len(want); n < 2 || n > 3 {
				t.Errorf("the records are %v", want)
			}
			if stats := s.Stats(); stats.Writes != 2 || stats.Records != 8 || stats.Bytes != 34 || stats.DiskBytes == 0 ||
				stats.Syncs.Count() < 2 || stats.Syncs.Sum <= 0 || stats.Commits.Count() != 2 || stats.Commits.Sum <= 0 {
				t.Errorf("Stats are %+v", stats)
			}
			noError(t, s.Close())
		})
	}
}
