package storetest

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

func testRetain(t *testing.T, h *harness) {
	Retain(h, "a/b", []byte("1"), nil)
	Retain(h, "a/c", []byte{}, nil)
	want := map[string]string{"a/b": "1", "a/c": ""}
	if diff := cmp.Diff(want, h.find(t, "#", 10)); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	h.retain(t, "a/b", []byte("2"))
	h.retain(t, "a/d", []byte("3"))
	h.retain(t, "a/d", nil)
	h.retain(t, "never/there", nil)
	want["a/b"] = "2"
	for range 2 {
		if diff := cmp.Diff(want, h.find(t, "#", 10)); diff != "" || h.RetainedCount() != 2 {
			t.Errorf("%d topics (-want +got):\n%s", h.RetainedCount(), diff)
		}
		h.reopen(t)
	}
	// Callbacks come in the order of the calls.
	var order []int
	for i := range 100 {
		Retain(h, "a/b", fmt.Append(nil, i), func(err error) {
			if err != nil {
				t.Error(err)
			}
			order = append(order, i)
		})
	}
	h.retain(t, "a/c", nil)
	for i, n := range order {
		if n != i {
			t.Fatalf("callback %d came as number %d", n, i)
		}
	}
	if h.reopen(t); len(order) != 100 {
		t.Errorf("%d callbacks instead of 100", len(order))
	}
	if diff := cmp.Diff(map[string]string{"a/b": "99"}, h.find(t, "a/+", 10)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}

func testRetainedFilter(t *testing.T, h *harness) {
	for _, topic := range []string{"a", "a/b", "a/b/c", "a/x/c", "/a", "b", "$SYS/a", "a b/ü"} {
		h.retain(t, topic, []byte(topic))
	}
	h.reopen(t)
	for _, test := range []struct {
		filter string
		want   []string
	}{
		{"a", []string{"a"}},
		{"nothing", nil},
		{"a/#", []string{"a", "a/b", "a/b/c", "a/x/c"}},
		{"a/+", []string{"a/b"}},
		{"+", []string{"a", "b"}},
		{"a/+/c", []string{"a/b/c", "a/x/c"}},
		{"+/+", []string{"a/b", "/a", "a b/ü"}},
		{"$SYS/#", []string{"$SYS/a"}},
		{"#", []string{"a", "a/b", "a/b/c", "a/x/c", "/a", "b", "a b/ü"}}, // [MQTT-4.7.2-1]
	} {
		want := map[string]string{}
		for _, topic := range test.want {
			want[topic] = topic
		}
		for _, limit := range []int{1, 3, 100} {
			if diff := cmp.Diff(want, h.find(t, test.filter, limit)); diff != "" {
				t.Errorf("%s, %d at a time (-want +got):\n%s", test.filter, limit, diff)
			}
		}
	}
}

func testRetainedSteps(t *testing.T, h *harness) {
	for i := range 200 {
		Retain(h, fmt.Sprintf("t/%03d/x", i), []byte("v"), nil)
	}
	prefix := []store.Retained{{Topic: "kept"}}
	out, last, err := h.Retained("t/+/x", "", 70, prefix)
	noError(t, err)
	if len(out) != 71 || out[0].Topic != "kept" || last {
		t.Fatalf("%d records after %q, last %v", len(out)-1, out[0].Topic, last)
	}
	cursor := out[len(out)-1].Topic
	h.retain(t, cursor, nil) // a cursor whose topic has gone
	rest, last, err := h.Retained("t/+/x", cursor, 1000, nil)
	noError(t, err)
	if len(rest) != 130 || !last {
		t.Errorf("%d records remain, last %v", len(rest), last)
	}
	if one, _, err := h.Retained("t/+/x", "", 0, nil); err != nil || len(one) != 1 {
		t.Errorf("a limit of 0 yields %d records, error %v", len(one), err)
	}
}

func testClose(t *testing.T, h *harness) {
	p := h.acquire(t, 10)
	called := 0
	for range 500 {
		p.Append([]byte("x"), func(_ uint64, err error) {
			if err != nil {
				t.Error(err)
			}
			called++
		})
	}
	Retain(h, "a", []byte("x"), func(error) { called++ })
	noError(t, h.Close())
	noError(t, h.Close())
	if called != 501 {
		t.Errorf("%d of 501 callbacks were called before Close returned", called)
	}
	_, acquireErr := h.Acquire(t.Context(), 11)
	_, loadErr := p.Load(t.Context(), func(store.KV) error { return nil })
	_, _, findErr := h.Retained("#", "", 1, nil)
	for what, err := range map[string]error{
		"Append":     wait(func(done func(error)) { p.Append(nil, func(_ uint64, err error) { done(err) }) }),
		"Checkpoint": wait(func(done func(error)) { p.Checkpoint(nil, 1, nil, done) }),
		"Retain":     wait(func(done func(error)) { Retain(h, "b", []byte("x"), done) }),
		"Fetch":      p.Fetch(t.Context(), []uint64{1}, func(int, []byte) error { return nil }),
		"Read":       p.Read(t.Context(), 0, func(uint64, []byte) error { return nil }),
		"Acquire":    acquireErr,
		"Load":       loadErr,
		"Retained":   findErr,
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	if h.RetainedCount() != 1 {
		t.Errorf("a Retain after Close counts")
	}
	if h.reopen(t) {
		if got := len(read(t, h.acquire(t, 10), 1)); got != 500 {
			t.Errorf("%d of 500 records are there after opening again", got)
		}
	}
}

func testTooLarge(t *testing.T, h *harness) {
	p := h.acquire(t, 12)
	large, err := syscall.Mmap(-1, 0, store.MaxRecordBytes+1, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE) // costs no memory
	noError(t, err)
	defer syscall.Munmap(large) //nolint:errcheck // the process ends soon
	for what, err := range map[string]error{
		"Append":     wait(func(done func(error)) { p.Append(large, func(_ uint64, err error) { done(err) }) }),
		"Checkpoint": wait(func(done func(error)) { p.Checkpoint([]store.KV{{Key: "k", Value: large}}, 1, nil, done) }),
		"Retain":     wait(func(done func(error)) { Retain(h, "b", large, done) }),
	} {
		if err == nil {
			t.Errorf("%s of %d bytes is accepted", what, len(large))
		}
	}
	if seq := appendOne(t, p, "x"); seq != 1 || h.RetainedCount() != 0 {
		t.Errorf("number %d, %d retained: what was refused left a trace", seq, h.RetainedCount())
	}
}

func testRetainedExpires(t *testing.T, h *harness) {
	set := func(topic string, expires int64) {
		t.Helper()
		r := []store.Retained{{Topic: topic, Record: []byte(topic), Expires: expires}}
		noError(t, wait(func(done func(error)) { h.Write(&store.Write{Retain: r, Done: done}) }))
	}
	for i := range int64(300) {
		set(fmt.Sprintf("t/%03d", i), 1000+i)
	}
	set("never", 0)
	set("later", 5000)
	set("later", 6000)
	set("cleared", 1)
	h.retain(t, "cleared", nil)
	set("kept", 2)
	set("kept", 0)
	for _, step := range []struct {
		now, next int64
		count     int
	}{{0, 1000, 303}, {999, 1000, 303}, {1000, 1001, 302}, {1250, 1251, 52}, {1251, 1252, 51}, {5999, 6000, 3}, {1 << 60, 0, 2}, {1 << 60, 0, 2}} {
		next := h.ExpireRetained(step.now)
		if n := h.RetainedCount(); next != step.next || n != step.count || len(h.find(t, "#", 100)) != n {
			t.Errorf("at %d the next is %d and there are %d, instead of %d and %d", step.now, next, n, step.next, step.count)
		}
		h.retain(t, "never", []byte("still")) // what was asked for is durable after this
		h.reopen(t)
		if out, _, err := h.Retained("later", "", 1, nil); step.count > 2 && (err != nil || len(out) != 1 || out[0].Expires != 6000) {
			t.Errorf("at %d Retained returned %v, error %v", step.now, out, err)
		}
	}
	if diff := cmp.Diff(map[string]string{"never": "still", "kept": "kept"}, h.find(t, "#", 10)); diff != "" {
		t.Errorf("in the end (-want +got):\n%s", diff)
	}
}
