package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const modelParts = 3

// model is what a store should hold.
type model struct {
	parts    [modelParts]modelPart
	retained map[string]string
}

type modelPart struct {
	log     []string // from record 1 on
	trimmed uint64   // the oldest that must be there
	kvs     map[string]string
	at      uint64
}

// testModel makes random operations, opens the store again now and then, and compares it with a model.
func testModel(t *testing.T, h *harness, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &model{retained: map[string]string{}}
	for i := range m.parts {
		m.parts[i] = modelPart{trimmed: 1, kvs: map[string]string{}}
	}
	parts := acquireAll(t, h)
	for range 12 {
		for range rng.IntN(400) {
			m.step(t, h, parts, rng)
		}
		for i, p := range parts { // all that was asked for is durable after this
			m.parts[i].log = append(m.parts[i].log, "sync")
			if seq := appendOne(t, p, "sync"); seq != uint64(len(m.parts[i].log)) {
				t.Fatalf("partition %d: number %d for record %d", i, seq, len(m.parts[i].log))
			}
		}
		if rng.IntN(2) == 0 && h.reopen(t) {
			parts = acquireAll(t, h)
		}
		m.compare(t, h, parts, rng)
	}
}

func acquireAll(t *testing.T, h *harness) (parts [modelParts]store.Part) {
	for i := range parts {
		parts[i] = h.acquire(t, i)
	}
	return parts
}

// step makes one operation on the store and on the model.
func (m *model) step(t *testing.T, h *harness, parts [modelParts]store.Part, rng *rand.Rand) {
	n := rng.IntN(modelParts)
	p, mp := parts[n], &m.parts[n]
	next := uint64(len(mp.log)) + 1
	value := strings.Repeat("v", rng.IntN(50)) + fmt.Sprint(rng.IntN(1000))
	failed := func(err error) {
		if err != nil {
			t.Errorf("partition %d: %v", n, err)
		}
	}
	switch rng.IntN(10) {
	case 0:
		to := rng.Uint64N(next + 3)
		failed(p.TrimTo(to))
		mp.trimmed = max(mp.trimmed, min(to, next))
	case 1:
		at := mp.at + rng.Uint64N(next-mp.at+1)
		var kvs []store.KV
		for range rng.IntN(5) {
			kv := store.KV{Key: fmt.Sprint("k", rng.IntN(20))}
			if rng.IntN(3) > 0 {
				kv.Value = []byte(value)
			}
			kvs = append(kvs, kv)
		}
		for _, kv := range kvs {
			if delete(mp.kvs, kv.Key); kv.Value != nil {
				mp.kvs[kv.Key] = string(kv.Value)
			}
		}
		p.Checkpoint(kvs, at, failed)
		mp.at = at
	case 2, 3:
		topic := fmt.Sprintf("a/%d/%d", rng.IntN(5), rng.IntN(10))
		if rng.IntN(3) == 0 {
			h.Retain(topic, nil, failed)
			delete(m.retained, topic)
			break
		}
		h.Retain(topic, []byte(value), failed)
		m.retained[topic] = value
	default:
		p.Append([]byte(value), func(seq uint64, err error) {
			if failed(err); seq != next {
				t.Errorf("partition %d: number %d instead of %d", n, seq, next)
			}
		})
		mp.log = append(mp.log, value)
	}
}

func (m *model) compare(t *testing.T, h *harness, parts [modelParts]store.Part, rng *rand.Rand) {
	t.Helper()
	for i, p := range parts {
		mp := &m.parts[i]
		from := rng.Uint64N(uint64(len(mp.log)) + 2)
		got := read(t, p, from)
		first := max(from, 1)
		if len(got) > 0 && first < mp.trimmed { // it may begin anywhere up to there
			first = max(first, min(got[0].Seq, mp.trimmed))
		}
		var want []record
		for seq := first; seq <= uint64(len(mp.log)); seq++ {
			want = append(want, record{seq, mp.log[seq-1]})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("partition %d from %d, trimmed to %d (-want +got):\n%s", i, from, mp.trimmed, diff)
		}
		pairs, at := load(t, p)
		var wantPairs []pair
		for _, k := range slices.Sorted(maps.Keys(mp.kvs)) {
			wantPairs = append(wantPairs, pair{k, mp.kvs[k]})
		}
		if diff := cmp.Diff(wantPairs, pairs); diff != "" || at != mp.at {
			t.Fatalf("partition %d: checkpoint at %d instead of %d (-want +got):\n%s", i, at, mp.at, diff)
		}
	}
	if diff := cmp.Diff(m.retained, h.find(t, "a/#", 7)); diff != "" {
		t.Fatalf("retained (-want +got):\n%s", diff)
	}
	if got := h.RetainedCount(); got != len(m.retained) {
		t.Fatalf("RetainedCount is %d instead of %d", got, len(m.retained))
	}
}
