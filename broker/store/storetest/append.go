package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

func testAcquire(t *testing.T, h *harness) {
	for _, n := range []int{-1, store.Partitions} {
		if _, err := h.Acquire(t.Context(), n); err == nil || !strings.Contains(err.Error(), fmt.Sprint("partition ", n)) {
			t.Errorf("Acquire(%d) returned error %v", n, err)
		}
	}
	for n := range store.Partitions {
		h.acquire(t, n)
	}
	if _, err := h.Acquire(t.Context(), 3); err == nil {
		t.Error("partition 3 was acquired twice")
	}
	if h.reopen(t) {
		h.acquire(t, 3)
	}
}

func testAppend(t *testing.T, h *harness) {
	a, b := h.acquire(t, 0), h.acquire(t, store.Partitions-1)
	const n = 1000
	var want []record
	var numbers []uint64
	ended := make(chan error, 1)
	for i := range uint64(n) {
		rec := strings.Repeat("x", int(i%7)) + fmt.Sprint(i)
		want = append(want, record{i + 1, rec})
		if i%3 == 0 {
			b.Append([]byte(rec), nil)
		}
		a.Append([]byte(rec), func(seq uint64, err error) {
			numbers = append(numbers, seq)
			if len(numbers) == n || err != nil {
				ended <- err
			}
		})
	}
	noError(t, <-ended)
	for i, seq := range numbers {
		if seq != uint64(i)+1 {
			t.Fatalf("callback %d has number %d", i+1, seq)
		}
	}
	appendOne(t, b, "last")
	want = append(want, record{appendOne(t, a, ""), ""})
	check := func() {
		t.Helper()
		if diff := cmp.Diff(want, read(t, a, 0)); diff != "" {
			t.Errorf("Read(0) (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want[499:], read(t, a, 500)); diff != "" {
			t.Errorf("Read(500) (-want +got):\n%s", diff)
		}
		if got := read(t, a, n+2); got != nil {
			t.Errorf("Read past the end yields %v", got)
		}
		if got := read(t, b, 1); len(got) != (n+2)/3+1 || got[len(got)-1].Rec != "last" {
			t.Errorf("the other partition has %d records", len(got))
		}
	}
	check()
	if h.reopen(t) {
		a, b = h.acquire(t, 0), h.acquire(t, store.Partitions-1)
		check()
		if seq := appendOne(t, a, "more"); seq != n+2 {
			t.Errorf("the next number after opening again is %d", seq)
		}
	}
}

func testReadBounds(t *testing.T, h *harness) {
	p := h.acquire(t, 2)
	if got := read(t, p, 0); got != nil {
		t.Errorf("an empty log yields %v", got)
	}
	for i := range 10 {
		appendOne(t, p, fmt.Sprint(i))
	}
	stop, n := errors.New("stop"), 0
	err := p.Read(t.Context(), 3, func(seq uint64, _ []byte) error {
		if n++; seq == 5 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("Read returned %v after %d records", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Read(ctx, 0, func(uint64, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Read with a context that is done returned %v", err)
	}
	// What is appended during a Read is not part of it, and may be appended by fn.
	n = 0
	noError(t, p.Read(t.Context(), 0, func(uint64, []byte) error {
		n++
		appendOne(t, p, "more")
		return nil
	}))
	if n != 10 {
		t.Errorf("Read yields %d records instead of 10", n)
	}
}

func testConcurrentAppends(t *testing.T, h *harness) {
	const parts, writers, each = 3, 8, 200
	var ps [parts]*Log
	for i := range ps {
		ps[i] = h.acquire(t, i)
	}
	var all, done sync.WaitGroup
	var last [parts]uint64 // touched by callbacks only, of which one runs at a time for each partition
	for w := range writers {
		all.Go(func() {
			for i := range each {
				n := (w + i) % parts
				done.Add(1)
				ps[n].Append(fmt.Appendf(nil, "%d/%03d", w, i), func(seq uint64, err error) {
					defer done.Done()
					if err != nil || seq != last[n]+1 {
						t.Errorf("partition %d: number %d after %d, error %v", n, seq, last[n], err)
					}
					last[n] = seq
				})
			}
		})
	}
	all.Wait()
	done.Wait()
	if h.reopen(t) {
		for i := range ps {
			ps[i] = h.acquire(t, i)
		}
	}
	total := 0
	for n, p := range ps {
		latest := map[byte]string{}
		for i, r := range read(t, p, 1) {
			total++
			if r.Seq != uint64(i)+1 {
				t.Fatalf("partition %d: record %d has number %d", n, i+1, r.Seq)
			}
			if r.Rec <= latest[r.Rec[0]] {
				t.Errorf("partition %d: %s comes after %s", n, r.Rec, latest[r.Rec[0]])
			}
			latest[r.Rec[0]] = r.Rec
		}
	}
	if total != writers*each {
		t.Errorf("%d records instead of %d", total, writers*each)
	}
}

// testLargeRecords fills more memory than a store lets wait for its disk.
func testLargeRecords(t *testing.T, h *harness) {
	p := h.acquire(t, 4)
	var want []record
	for i := range uint64(12) {
		rec := strings.Repeat(string(rune('a'+i)), 3<<20)
		want = append(want, record{i + 1, rec})
		p.Append([]byte(rec), nil)
	}
	big := strings.Repeat("z", 20<<20)
	want = append(want, record{appendOne(t, p, big), big})
	if h.reopen(t) {
		p = h.acquire(t, 4)
	}
	got := read(t, p, 1)
	if len(got) != len(want) {
		t.Fatalf("%d records instead of %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("record %d is another", i+1)
		}
	}
}
