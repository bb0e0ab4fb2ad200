package storetest

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Open returns an empty store. reopen opens it again with what it has kept, after Close; it is nil if the backend keeps nothing.
type Open func(t *testing.T) (s store.Store, reopen func() store.Store)

// Run tests the backend that open opens.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *harness)
	}{
		{"acquire", testAcquire},
		{"append and read", testAppend},
		{"a write belongs to its writer again when it is done", testWriteIsReturned},
		{"write of several partitions", testWriteParts},
		{"write to a partition that was not acquired", testWriteRefused},
		{"read bounds", testReadBounds},
		{"appends of many writers", testConcurrentAppends},
		{"large records", testLargeRecords},
		{"fetch", testFetch},
		{"drop", testDrop},
		{"drop all", testDropAll},
		{"checkpoint", testCheckpoint},
		{"checkpoint bounds", testCheckpointBounds},
		{"retain", testRetain},
		{"retained by filter", testRetainedFilter},
		{"retained in steps", testRetainedSteps},
		{"retained that expires", testRetainedExpires},
		{"close", testClose},
		{"too large", testTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, start(t, open)) })
	}
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("random operations ", seed), func(t *testing.T) { testModel(t, start(t, open), seed) })
	}
}

// harness is a store under test.
type harness struct {
	store.Store
	again func() store.Store // nil: the backend keeps nothing
}

func start(t *testing.T, open Open) *harness {
	s, again := open(t)
	h := &harness{s, again}
	t.Cleanup(func() { noError(t, h.Close()) })
	return h
}

// reopen closes the store and opens it again; false: the backend keeps nothing, and the store is as it was.
func (h *harness) reopen(t *testing.T) bool {
	t.Helper()
	if h.again == nil {
		return false
	}
	noError(t, h.Close())
	h.Store = h.again()
	return true
}

func (h *harness) acquire(t *testing.T, n int) *Log {
	t.Helper()
	return Acquire(t, h.Store, n)
}

// retain waits until it is durable.
func (h *harness) retain(t *testing.T, topic string, rec []byte) {
	t.Helper()
	noError(t, wait(func(done func(error)) { Retain(h, topic, rec, done) }))
}

// find returns the topics that filter finds and their records, limit at a time.
func (h *harness) find(t *testing.T, filter string, limit int) map[string]string {
	t.Helper()
	found := map[string]string{}
	for after, last := "", false; !last; {
		var out []store.Retained
		var err error
		out, last, err = h.Retained(filter, after, limit, nil)
		noError(t, err)
		if len(out) > limit || len(out) == 0 && !last {
			t.Fatalf("Retained(%q, %q, %d) returned %d records, last %v", filter, after, limit, len(out), last)
		}
		for _, r := range out {
			if _, ok := found[r.Topic]; ok {
				t.Fatalf("Retained(%q) found %q twice", filter, r.Topic)
			}
			found[r.Topic] = string(r.Record)
			after = r.Topic
		}
	}
	return found
}

// wait calls fn with a callback and returns what that is called with.
func wait(fn func(done func(error))) error {
	c := make(chan error, 1)
	fn(func(err error) { c <- err })
	return <-c
}

// appendOne waits until rec is durable.
func appendOne(t *testing.T, p *Log, rec string) uint64 {
	t.Helper()
	seq, err := p.AppendAndWait(rec)
	noError(t, err)
	return seq
}

// write writes a checkpoint that drops nothing, and waits until it is durable.
func write(t *testing.T, p *Log, at uint64, kvs ...store.KV) {
	t.Helper()
	noError(t, wait(func(done func(error)) { p.Checkpoint(kvs, at, nil, done) }))
}

// drop writes a checkpoint that covers what is below at and drops ranges, and waits until it is durable.
func drop(t *testing.T, p *Log, at uint64, ranges ...store.Range) {
	t.Helper()
	noError(t, wait(func(done func(error)) { p.Checkpoint(nil, at, ranges, done) }))
}

// record is what Read yields.
type record struct {
	Seq uint64
	Rec string
}

func read(t *testing.T, p *Log, from uint64) []record {
	t.Helper()
	var out []record
	noError(t, p.Read(t.Context(), from, func(seq uint64, rec []byte) error {
		out = append(out, record{seq, string(rec)})
		return nil
	}))
	return out
}

// pair is what Load yields.
type pair struct{ Key, Value string }

func load(t *testing.T, p *Log) (pairs []pair, at uint64) {
	t.Helper()
	at, err := p.Load(t.Context(), func(kv store.KV) error {
		if kv.Value == nil {
			t.Errorf("Load yields %q with a nil value", kv.Key)
		}
		pairs = append(pairs, pair{kv.Key, string(kv.Value)})
		return nil
	})
	noError(t, err)
	return pairs, at
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
