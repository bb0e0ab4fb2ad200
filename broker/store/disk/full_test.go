package disk_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// writeAndWait waits until w is durable.
func writeAndWait(s store.Store, w *store.Write) error {
	c := make(chan error, 1)
	w.Done = func(err error) { c <- err }
	s.Write(w)
	return <-c
}

func checkpointAndWait(p store.Part, kvs []store.KV, at uint64, drop ...store.Range) error {
	c := make(chan error, 1)
	p.Checkpoint(kvs, at, drop, func(err error) { c <- err })
	return <-c
}

// TestFullDisk: what needs room is refused, what frees is not down to half of the reserve, and the store goes on by itself when
// there is room.
func TestFullDisk(t *testing.T) {
	fs := vfs.NewMem()
	room := func(bytes uint64) {
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: bytes, TotalBytes: 1 << 30})
	}
	room(1000)
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, ReserveBytes: 1000})
	p := acquire(t, s, 0)
	for range 10 {
		_, err := p.AppendAndWait("x")
		noError(t, err)
	}
	record := func() *store.Write { return &store.Write{Records: []store.Record{{Data: []byte("x")}}} }
	retain := func(rec []byte) *store.Write {
		return &store.Write{Retain: []store.Retained{{Topic: "a", Record: rec}}}
	}
	noError(t, writeAndWait(s, retain([]byte("x"))))
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), crashDir) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	room(999)
	refused("record", writeAndWait(s, record()))
	refused("retain", writeAndWait(s, retain([]byte("y"))))
	refused("health", s.Health())
	room(500)
	frees := record()
	frees.Frees = true
	noError(t, writeAndWait(s, frees))
	noError(t, writeAndWait(s, retain(nil)))
	noError(t, checkpointAndWait(p, []store.KV{{Key: "k", Value: []byte("v")}}, 8, store.Range{From: 1, To: 8}))
	refused("health", s.Health())
	room(499)
	refused("record that frees", writeAndWait(s, frees))
	refused("checkpoint", checkpointAndWait(p, nil, 9, store.Range{From: 8, To: 9}))
	first := uint64(0)
	noError(t, p.Read(t.Context(), 0, func(seq uint64, _ []byte) error {
		if first == 0 {
			first = seq
		}
		return nil
	}))
	if first != 8 {
		t.Errorf("the log begins at %d although it was to begin at 8", first)
	}
	room(1000)
	noError(t, s.Health())
	if seq, err := p.AppendAndWait("x"); err != nil || seq != 12 {
		t.Errorf("append returned %d, error %v", seq, err)
	}
	noError(t, s.Health())
	noError(t, s.Close())
}

// TestOpenFull: a store that is opened without room for what grows says so before anybody asks for some.
func TestOpenFull(t *testing.T) {
	fs := vfs.NewMem()
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 999, TotalBytes: 1 << 30})
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, ReserveBytes: 1000})
	if err := s.Health(); !errors.Is(err, store.ErrFull) {
		t.Errorf("Health is %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1000, TotalBytes: 1 << 30})
	noError(t, s.Health())
	noError(t, s.Close())
}

// TestMaxBytes: a store that has what it may have refuses what grows, and goes on when it has been made smaller.
func TestMaxBytes(t *testing.T) {
	const most = 32 << 20
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: vfs.NewMem(), MaxBytes: most})
	p := acquire(t, s, 0)
	rec := make([]byte, 256<<10)
	_, err := rand.NewChaCha8([32]byte{}).Read(rec) // does not compress
	noError(t, err)
	next := uint64(1)
	fill := func() int {
		t.Helper()
		for n := 0; ; n++ {
			seq, err := p.AppendAndWait(string(rec))
			if errors.Is(err, store.ErrFull) {
				return n
			}
			noError(t, err)
			next = seq + 1
			if size := s.Stats().DiskBytes; size > most {
				t.Fatalf("the store has %d bytes, and may have %d", size, most)
			}
		}
	}
	if n := fill(); n < 32 {
		t.Errorf("only %d records of %d bytes fit in %d", n, len(rec), most)
	}
	if err := s.Health(); !errors.Is(err, store.ErrFull) {
		t.Errorf("Health is %v", err)
	}
	noError(t, checkpointAndWait(p, nil, next, store.Range{From: 1, To: next}))
	for deadline := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		_, err := p.AppendAndWait("x")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("everything was dropped, and an append fails: %v", err)
		}
	}
	s.(*disk.Store).SetMaxBytes(1000)
	if err := writeAndWait(s, &store.Write{Records: []store.Record{{Data: rec}}}); !errors.Is(err, store.ErrFull) {
		t.Errorf("with a bound that has become smaller: error %v", err)
	}
	s.(*disk.Store).SetMaxBytes(0)
	noError(t, writeAndWait(s, &store.Write{Records: []store.Record{{Data: rec}}}))
	noError(t, s.Close())
}
