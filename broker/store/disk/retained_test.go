package disk_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
)

// TestRetainedOutOfMemory: a record that could not be written is found as long as the store is open, although none is
// to be in memory, and one that was written is read from the disk.
func TestRetainedOutOfMemory(t *testing.T) {
	f := &faults{kinds: []errorfs.OpKind{errorfs.OpFileWrite}}
	s := mustOpen(t, disk.Options{Dir: crashDir, FS: errorfs.Wrap(vfs.NewMem(), f), RetainedMemoryBytes: 1})
	set := func(topic, rec string) error {
		return writeAndWait(s, &store.Write{Retain: []store.Retained{{Topic: topic, Record: []byte(rec), Expires: 7}}})
	}
	noError(t, set("a", "on disk"))
	noError(t, set("b", "on disk, and changed"))
	f.on.Store(true)
	for _, topic := range []string{"b", "c"} {
		if err := set(topic, "not on disk"); !errors.Is(err, syscall.EIO) {
			t.Fatalf("error %v", err)
		}
	}
	f.on.Store(false)
	noError(t, set("d", "later"))
	out, last, err := s.Retained("#", "", 10, nil)
	noError(t, err)
	var got []string
	for _, r := range out {
		got = append(got, fmt.Sprint(r.Topic, "=", string(r.Record), r.Expires))
	}
	if want := "a=on disk7 b=not on disk7 c=not on disk7 d=later7"; strings.Join(got, " ") != want || !last {
		t.Errorf("%q instead of %q", got, want)
	}
	noError(t, s.Close())
}

// BenchmarkRetainedOpen: a million topics with 100 bytes each, of which a tenth may be in memory.
func BenchmarkRetainedOpen(b *testing.B) {
	o := disk.Options{Dir: b.TempDir(), Log: quiet, RetainedMemoryBytes: 10 << 20}
	s := mustOpen(b, o)
	const topics, each = 1_000_000, 1000
	for i := range topics / each {
		w := &store.Write{}
		for j := range each {
			topic := fmt.Sprintf("plant/%d/machine/%d/temperature", i, j)
			w.Retain = append(w.Retain, store.Retained{Topic: topic, Record: make([]byte, 100)})
		}
		s.Write(w)
	}
	noError(b, s.Close())
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		s := mustOpen(b, o)
		b.ReportMetric(time.Since(begun).Seconds(), "s/open")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/topics, "B/topic")
		begun = time.Now()
		n := 0
		var out []store.Retained
		var err error
		for cursor, last := "", false; !last; {
			out, last, err = s.Retained("#", cursor, 256, out[:0])
			noError(b, err)
			n += len(out)
			cursor = out[len(out)-1].Topic
		}
		b.ReportMetric(float64(time.Since(begun).Nanoseconds())/topics, "ns/retained")
		if n != topics {
			b.Errorf("%d topics", n)
		}
		noError(b, s.Close())
	}
}
