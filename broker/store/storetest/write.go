package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

func testWriteIsReturned(t *testing.T, h *harness) {
	p := h.acquire(t, 1)
	rec, retained := []byte("one"), []byte("one")
	w := &store.Write{Records: []store.Record{{Part: 1, Data: rec}}, Retain: []store.Retained{{Topic: "a", Record: retained}}}
	noError(t, wait(func(done func(error)) { w.Done = done; h.Write(w) }))
	copy(rec, "two")
	copy(retained, "two")
	*w = store.Write{}
	appendOne(t, p, "three")
	if diff := cmp.Diff([]record{{1, "one"}, {2, "three"}}, read(t, p, 1)); diff != "" {
		t.Errorf("Read (-want +got):\n%s", diff)
	}
	if got := h.find(t, "#", 2)["a"]; got != "one" {
		t.Errorf("the retained record is %q", got)
	}
}

func testWriteParts(t *testing.T, h *harness) {
	var parts [4]*Log
	for n := range parts {
		parts[n] = h.acquire(t, n)
	}
	appendOne(t, parts[2], "before")
	w := &store.Write{Retain: []store.Retained{{Topic: "a", Record: []byte("old")}, {Topic: "a", Record: []byte("new")}, {Topic: "b", Record: []byte("x")}, {Topic: "b"}}}
	for _, n := range []int{3, 2, 0, 2, 2} {
		w.Records = append(w.Records, store.Record{Part: n, Data: fmt.Append(nil, len(w.Records))})
	}
	noError(t, wait(func(done func(error)) { w.Done = done; h.Write(w) }))
	noError(t, wait(func(done func(error)) { h.Write(&store.Write{Done: done}) })) // nothing
	var seqs []uint64
	for _, r := range w.Records {
		seqs = append(seqs, r.Seq)
	}
	if diff := cmp.Diff([]uint64{1, 2, 1, 3, 4}, seqs); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	if h.reopen(t) {
		for n := range parts {
			parts[n] = h.acquire(t, n)
		}
	}
	for n, want := range [][]record{{{1, "2"}}, nil, {{1, "before"}, {2, "1"}, {3, "3"}, {4, "4"}}, {{1, "0"}}} {
		if diff := cmp.Diff(want, read(t, parts[n], 0)); diff != "" {
			t.Errorf("partition %d (-want +got):\n%s", n, diff)
		}
	}
	if diff := cmp.Diff(map[string]string{"a": "new"}, h.find(t, "#", 10)); diff != "" {
		t.Errorf("retained (-want +got):\n%s", diff)
	}
}

func testWriteRefused(t *testing.T, h *harness) {
	p := h.acquire(t, 1)
	for _, n := range []int{-1, 2, store.Partitions} {
		w := &store.Write{
			Records: []store.Record{{Part: 1, Data: []byte("x")}, {Part: n, Data: []byte("x")}},
			Retain:  []store.Retained{{Topic: "a", Record: []byte("x")}},
		}
		if err := wait(func(done func(error)) { w.Done = done; h.Write(w) }); err == nil {
			t.Errorf("a write to partition %d is accepted", n)
		}
	}
	if seq := appendOne(t, p, "x"); seq != 1 || h.RetainedCount() != 0 {
		t.Errorf("number %d, %d retained: what was refused left a trace", seq, h.RetainedCount())
	}
}
