package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

func testDrop(t *testing.T, h *harness) {
	p := h.acquire(t, 5)
	const n = 3000
	gone := make([]bool, n+1)
	for i := range n {
		p.Append(fmt.Appendf(nil, "%d", i+1), nil)
	}
	check := func() {
		t.Helper()
		var want []record
		for seq := uint64(1); seq <= n; seq++ {
			if !gone[seq] {
				want = append(want, record{seq, fmt.Sprint(seq)})
			}
		}
		if diff := cmp.Diff(want, read(t, p, 1)); diff != "" {
			t.Fatalf("Read (-want +got):\n%s", diff)
		}
	}
	for _, ranges := range [][]store.Range{
		nil,
		{{From: 5, To: 6}, {From: 7, To: 8}},
		{{From: 1, To: 2}},
		{{From: 2, To: 5}}, // up to the hole
		{{From: 6, To: 7}, {From: 8, To: 9}, {From: 9, To: 10}, {From: 20, To: 900}, {From: 901, To: 1000}},
		{{From: 10, To: 20}, {From: 900, To: 901}, {From: 1000, To: 1001}, {From: 1002, To: 1003}},
		{{From: 0, To: 30}, {From: 2000, To: 2001}}, // some again
		{{From: 1001, To: 1002}, {From: 2500, To: 2600}},
	} {
		drop(t, p, n, slices.Clone(ranges)...)
		for _, r := range ranges {
			for seq := r.From; seq < r.To; seq++ {
				gone[seq] = true
			}
		}
		check()
		if h.reopen(t) {
			p = h.acquire(t, 5)
			check()
		}
	}
}

func testDropAll(t *testing.T, h *harness) {
	p := h.acquire(t, 6)
	for i := range 10 {
		appendOne(t, p, fmt.Sprint(i))
	}
	drop(t, p, 11, store.Range{From: 1, To: 11})
	if got := read(t, p, 1); got != nil {
		t.Errorf("what was dropped is read: %v", got)
	}
	for next := uint64(11); next < 14; next++ {
		if h.reopen(t) {
			p = h.acquire(t, 6)
		}
		if seq := appendOne(t, p, "new"); seq != next {
			t.Fatalf("after everything was dropped the next number is %d instead of %d", seq, next)
		}
	}
	if diff := cmp.Diff([]record{{11, "new"}, {12, "new"}, {13, "new"}}, read(t, p, 1)); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
}

// fetch returns what Fetch yields.
func fetch(t *testing.T, p store.Part, seqs []uint64) []record {
	t.Helper()
	var out []record
	noError(t, p.Fetch(t.Context(), seqs, func(i int, rec []byte) error {
		out = append(out, record{seqs[i], string(rec)})
		return nil
	}))
	return out
}

func testFetch(t *testing.T, h *harness) {
	p := h.acquire(t, 13)
	if got := fetch(t, p, []uint64{0, 1, 2}); got != nil {
		t.Errorf("an empty log yields %v", got)
	}
	const n = 2000
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i) + 1
		p.Append([]byte(fmt.Sprint(i+1, strings.Repeat("x", i%200))), nil)
	}
	appendOne(t, p, "last")
	drop(t, p, 1500, store.Range{From: 1, To: 10}, store.Range{From: 12, To: 13}, store.Range{From: 100, To: 200})
	if h.reopen(t) {
		p = h.acquire(t, 13)
	}
	there := read(t, p, 0)
	for name, seqs := range map[string][]uint64{
		"none": nil, "one": {11}, "dropped": {1, 12, 150}, "past the end": {0, 1, 11, 2000, 2001, 2002, 1 << 40, 1<<64 - 1},
		"all": append(slices.Clone(all), 2001, 2002), "the last": {1999, 2000, 2001},
		"every third": slices.DeleteFunc(slices.Clone(all), func(seq uint64) bool { return seq%3 != 0 }),
		"pairs":       slices.DeleteFunc(slices.Clone(all), func(seq uint64) bool { return seq%7 > 1 }),
	} {
		var want []record
		for _, r := range there {
			if _, ok := slices.BinarySearch(seqs, r.Seq); ok {
				want = append(want, r)
			}
		}
		if diff := cmp.Diff(want, fetch(t, p, seqs)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	stop, calls := errors.New("stop"), 0
	if err := p.Fetch(t.Context(), all, func(int, []byte) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("Fetch returned %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Fetch(ctx, all, func(int, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch with a context that is done returned %v", err)
	}
	noError(t, p.Fetch(t.Context(), []uint64{11}, func(int, []byte) error { appendOne(t, p, "no lock is held"); return nil }))
}
