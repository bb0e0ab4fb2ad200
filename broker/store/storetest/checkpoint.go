package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

func testCheckpoint(t *testing.T, h *harness) {
	p, other := h.acquire(t, 7), h.acquire(t, 8)
	check := func(wantAt uint64, want ...pair) {
		t.Helper()
		got, at := load(t, p)
		if diff := cmp.Diff(want, got); diff != "" || at != wantAt {
			t.Errorf("Load returned %d instead of %d, pairs (-want +got):\n%s", at, wantAt, diff)
		}
	}
	check(0)
	for i := range 5 {
		appendOne(t, p, fmt.Sprint(i))
	}
	write(t, p, 3, store.KV{Key: "b", Value: []byte("1")}, store.KV{Key: "a", Value: []byte{}}, store.KV{Key: "", Value: []byte("0")})
	check(3, pair{"", "0"}, pair{"a", ""}, pair{"b", "1"})
	write(t, p, 3, store.KV{Key: "b", Value: []byte("2")}, store.KV{Key: "a"}, store.KV{Key: "missing"}, store.KV{Key: "\xff\xff", Value: []byte("last")})
	check(3, pair{"", "0"}, pair{"b", "2"}, pair{"\xff\xff", "last"})
	write(t, p, 6)
	check(6, pair{"", "0"}, pair{"b", "2"}, pair{"\xff\xff", "last"})
	if got, at := load(t, other); got != nil || at != 0 {
		t.Errorf("another partition's checkpoint has %v at %d", got, at)
	}
	drop(t, p, 6, store.Range{From: 1, To: 6})
	if h.reopen(t) {
		p = h.acquire(t, 7)
		check(6, pair{"", "0"}, pair{"b", "2"}, pair{"\xff\xff", "last"})
		if seq := appendOne(t, p, "next"); seq != 6 {
			t.Errorf("the next record after opening again is %d", seq)
		}
	}
	var many []store.KV
	var want []pair
	for i := range 2000 {
		many = append(many, store.KV{Key: fmt.Sprintf("k%04d", i), Value: fmt.Append(nil, i)})
		want = append(want, pair{fmt.Sprintf("k%04d", i), fmt.Sprint(i)})
	}
	write(t, p, 6, append(many, store.KV{}, store.KV{Key: "b"}, store.KV{Key: "\xff\xff"})...)
	check(6, want...)
}

func testCheckpointBounds(t *testing.T, h *harness) {
	p := h.acquire(t, 9)
	appendOne(t, p, "1")
	write(t, p, 2, store.KV{Key: "a", Value: []byte("1")})
	for _, at := range []uint64{0, 1, 3} {
		kvs := []store.KV{{Key: "a", Value: []byte("no")}}
		if err := wait(func(done func(error)) { p.Checkpoint(kvs, at, nil, done) }); err == nil {
			t.Errorf("a checkpoint at %d is accepted when one at 2 is there and record 1 is the last", at)
		}
	}
	for _, drop := range [][]store.Range{{{From: 1, To: 3}}, {{From: 1, To: 1}}, {{From: 1, To: 2}, {From: 1, To: 2}}} {
		kvs := []store.KV{{Key: "a", Value: []byte("no")}}
		if err := wait(func(done func(error)) { p.Checkpoint(kvs, 2, drop, done) }); err == nil {
			t.Errorf("a checkpoint at 2 that drops %v is accepted", drop)
		}
	}
	p.Checkpoint(nil, 2, nil, nil)
	if got, at := load(t, p); at != 2 || len(got) != 1 || got[0].Value != "1" {
		t.Errorf("Load returned %v at %d", got, at)
	}
	stop := errors.New("stop")
	if _, err := p.Load(t.Context(), func(store.KV) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Load returned %v instead of the error of fn", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Load(ctx, func(store.KV) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Load with a context that is done returned %v", err)
	}
}
