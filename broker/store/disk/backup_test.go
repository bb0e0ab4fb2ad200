package disk_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// backUp returns a backup of s.
func backUp(t *testing.T, s store.Store) []byte {
	t.Helper()
	var out bytes.Buffer
	noError(t, s.(*disk.Store).Backup(t.Context(), &out))
	return out.Bytes()
}

// holding returns the file system of a store that holds rec, and is closed.
func holding(t *testing.T, rec string) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs})
	_, err := acquire(t, s, 0).AppendAndWait(rec)
	noError(t, err)
	noError(t, s.Close())
	return fs
}

// list returns what the store's folder has.
func list(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.List(crashDir)
	noError(t, err)
	slices.Sort(names)
	return names
}

// opened opens the store on fs and returns its records.
func opened(t *testing.T, fs vfs.FS) string {
	t.Helper()
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs})
	defer func() { noError(t, s.Close()) }()
	return strings.Join(readAll(t, acquire(t, s, 0)), " ")
}

// TestBackup: a backup has all that was durable when it began, whole, although writes go on; and it comes back as it was.
func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, disk.Options{Dir: dir})
	p, q := acquire(t, s, 0), acquire(t, s, 31)
	big := strings.Repeat("x", 1<<20)
	for i := range 1000 {
		pair := &store.Write{Records: []store.Record{{Part: 0, Data: fmt.Append(nil, i)}, {Part: 31, Data: fmt.Append(nil, i)}}}
		pair.Retain = []store.Retained{{Topic: fmt.Sprint("t/", i%100), Record: fmt.Append(nil, i), Expires: int64(i)}}
		noError(t, writeAndWait(s, pair))
	}
	_, err := p.AppendAndWait(big)
	noError(t, err)
	_, err = q.AppendAndWait(big)
	noError(t, err)
	noError(t, checkpointAndWait(p, []store.KV{{Key: "k", Value: []byte("v")}}, 500, store.Range{From: 10, To: 400}))

	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				both := &store.Write{Records: []store.Record{{Part: 0, Data: []byte("more")}, {Part: 31, Data: []byte("more")}}}
				if err := writeAndWait(s, both); err != nil {
					t.Error(err)
				}
			}
		}
	})
	backup := backUp(t, s)
	close(stop)
	writer.Wait()
	noError(t, s.Close())

	other := t.TempDir()
	noError(t, disk.Stage(t.Context(), other, bytes.NewReader(backup)))
	s = mustOpen(t, disk.Options{Dir: other})
	p, q = acquire(t, s, 0), acquire(t, s, 31)
	var first, second []uint64
	noError(t, p.Read(t.Context(), 0, func(seq uint64, _ []byte) error { first = append(first, seq); return nil }))
	noError(t, q.Read(t.Context(), 0, func(seq uint64, _ []byte) error { second = append(second, seq); return nil }))
	if len(first) != len(second)-390 || len(second) < 1001 || first[len(first)-1] != second[len(second)-1] {
		t.Errorf("%d and %d records", len(first), len(second))
	}
	at, err := p.Load(t.Context(), func(kv store.KV) error {
		if kv.Key != "k" || string(kv.Value) != "v" {
			t.Errorf("pair %v", kv)
		}
		return nil
	})
	if out, _, rerr := s.Retained("t/+", "", 1000, nil); at != 500 || err != nil || rerr != nil || len(out) != 100 || out[0].Expires < 900 {
		t.Errorf("checkpoint at %d, error %v; %d retained, error %v", at, err, len(out), rerr)
	}
	again := backUp(t, s)
	noError(t, s.Close())
	if !bytes.Equal(again[:1000], backup[:1000]) || len(again) != len(backup) {
		t.Error("a backup of what was restored is another")
	}
}

// TestStageRefuses: what is damaged is refused by name and changes nothing.
func TestStageRefuses(t *testing.T) {
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: vfs.NewMem()})
	p := acquire(t, s, 0)
	for range 3 {
		_, err := p.AppendAndWait("restored")
		noError(t, err)
	}
	good := backUp(t, s)
	noError(t, s.Close())
	fs := holding(t, "live")
	noError(t, disk.StageWith(t.Context(), fs, crashDir, bytes.NewReader(good)))
	before := list(t, fs)
	refuse := func(what string, backup []byte, want string) {
		t.Helper()
		err := disk.StageWith(t.Context(), fs, crashDir, bytes.NewReader(backup))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), crashDir) {
			t.Errorf("%s: error %v", what, err)
		}
		if after := list(t, fs); !slices.Equal(after, before) {
			t.Errorf("%s: the folder has %v, and had %v", what, after, before)
		}
	}
	for n := range good {
		refuse(fmt.Sprint("cut at ", n), good[:n], "cut off")
		flipped := bytes.Clone(good)
		flipped[n] ^= 0x10
		refuse(fmt.Sprint("flipped at ", n), flipped, "backup")
	}
	refuse("more", append(bytes.Clone(good), 0), "something comes after its end")
	refuse("nothing", nil, "cut off")
	newer := bytes.Clone(good)
	binary.BigEndian.PutUint32(newer[8:], 2)
	refuse("newer backup", newer, "backup of version 2")
	newer = bytes.Clone(good)
	binary.BigEndian.PutUint32(newer[12:], 7)
	refuse("newer store", newer, "store of format 7")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := disk.StageWith(ctx, fs, crashDir, bytes.NewReader(good)); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("with a context that is done: error %v", err)
	}
	if got := opened(t, fs); got != "restored restored restored" {
		t.Errorf("the store holds %s", got)
	}
}

// TestBackupEnds: a backup whose store is closed, or whose context is done, ends with an error, and holds up nobody.
func TestBackupEnds(t *testing.T) {
	fill := func(s store.Store) {
		p := acquire(t, s, 0)
		for range 8 {
			_, err := p.AppendAndWait(strings.Repeat("x", backupPart))
			noError(t, err)
		}
	}
	for name, end := range map[string]func(store.Store, context.CancelFunc){
		"closed":   func(s store.Store, _ context.CancelFunc) { noError(t, s.Close()) },
		"canceled": func(_ store.Store, cancel context.CancelFunc) { cancel() },
	} {
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: vfs.NewMem()})
		fill(s)
		r, w := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.(*disk.Store).Backup(ctx, w) }()
		_, err := io.ReadFull(r, make([]byte, 1000)) // it has begun, and waits for its reader
		noError(t, err)
		if name == "canceled" {
			_, err := s.(*disk.Store).Acquire(t.Context(), 1)
			noError(t, err)
			noError(t, writeAndWait(s, &store.Write{Records: []store.Record{{Part: 1, Data: []byte("not held up")}}}))
		}
		end(s, cancel)
		go io.Copy(io.Discard, r) //nolint:errcheck // it ends with the test
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), "back up store "+crashDir) {
				t.Errorf("%s: error %v", name, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the backup goes on", name)
		}
		cancel()
		noError(t, s.Close())
	}
}

const backupPart = 1 << 20

// TestStagedSwap: the swap may be cut short by a crash at any operation, after which all, some or nothing of what had not been synced is
// there; what is opened then is what was staged last, or, if Stage had not returned, what was staged before that.
func TestStagedSwap(t *testing.T) {
	former, backup := backupHolding(t, "former"), backupHolding(t, "restored")
	for seed := range uint64(8) {
		lost := vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 100, 50, 50}[seed%4], RNG: rand.New(rand.NewPCG(seed, 0))}
		crashes := int64(0)
		for crashStagedSwap(t, former, backup, crashes+1, lost) {
			crashes++
		}
		if crashes < 20 {
			t.Errorf("only %d crashes", crashes)
		}
	}
}

func backupHolding(t *testing.T, record string) []byte {
	t.Helper()
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: holding(t, record)})
	defer func() { noError(t, s.Close()) }()
	return backUp(t, s)
}

// crashStagedSwap crashes at the n-th operation; false: there are not so many.
func crashStagedSwap(t *testing.T, former, backup []byte, n int64, lost vfs.CrashCloneCfg) bool {
	t.Helper()
	fs := holding(t, "live")
	noError(t, disk.StageWith(t.Context(), fs, crashDir, bytes.NewReader(former)))
	var left atomic.Int64
	left.Store(n)
	var clone *vfs.MemFS
	staged, stagedThen := false, false
	hooked := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && left.Add(-1) == 0 {
			clone, stagedThen = fs.CrashClone(lost), staged
		}
		return nil
	}))
	noError(t, disk.StageWith(t.Context(), hooked, crashDir, bytes.NewReader(backup)))
	staged = true
	if got := opened(t, hooked); got != "restored" {
		t.Fatalf("the store holds %s", got)
	}
	if clone == nil {
		return false
	}
	for range 2 {
		if got := opened(t, clone); got != "restored" && (stagedThen || got != "former") {
			t.Fatalf("after a crash at operation %d, staged %v, %d %% of what was not synced there, the store holds %q", n, stagedThen, lost.UnsyncedDataPercent, got)
		}
	}
	names := list(t, clone)
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "staged-") }); i >= 0 {
		t.Fatalf("after a crash at operation %d the folder has %v", n, names)
	}
	return true
}

// TestBackupKeepsFiles: what is dropped while a backup is under way is in it, and its files go when the backup has ended.
func TestBackupKeepsFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		s := mustOpen(t, disk.Options{Dir: crashDir, FS: fs, Log: quiet, FileBytes: 1})
		p := acquire(t, s, 0)
		for range 8 { // a file each
			_, err := p.AppendAndWait(strings.Repeat("x", backupPart))
			noError(t, err)
		}
		r, w := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- s.(*disk.Store).Backup(t.Context(), w); w.Close() }() //nolint:errcheck // it never fails
		backup := make([]byte, 1000)
		_, err := io.ReadFull(r, backup) // it has begun, and waits for its reader
		noError(t, err)
		noError(t, checkpointAndWait(p, nil, 9, store.Range{From: 1, To: 9}))
		synctest.Wait()
		rest, err := io.ReadAll(r)
		noError(t, errors.Join(err, <-ended))
		synctest.Wait()
		if left := of(files(t, fs), ".seg"); len(left) > 2 {
			t.Errorf("after the backup the files are %v", left)
		}
		noError(t, s.Close())
		restored := vfs.NewMem()
		noError(t, disk.StageWith(t.Context(), restored, crashDir, bytes.NewReader(append(backup, rest...))))
		if got := opened(t, restored); strings.Count(got, "x") != 8*backupPart {
			t.Errorf("%d bytes of records are restored", strings.Count(got, "x"))
		}
	})
}
