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
	log  []string // from record 1 on
	gone map[uint64]bool
	kvs  map[string]string
	at   uint64
}

func (p *modelPart) next() uint64 { return uint64(len(p.log)) + 1 }

// records are those from number from on.
func (p *modelPart) records(from uint64) (out []record) {
	for seq := max(from, 1); seq < p.next(); seq++ {
		if !p.gone[seq] {
			out = append(out, record{seq, p.log[seq-1]})
		}
	}
	return out
}

// testModel makes random operations, opens the store again now and then, and compares it with a model.
func testModel(t *testing.T, h *harness, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &model{retained: map[string]string{}}
	for i := range m.parts {
		m.parts[i] = modelPart{gone: map[uint64]bool{}, kvs: map[string]string{}}
	}
	parts := acquireAll(t, h)
	for range 12 {
		for range rng.IntN(400) {
			if rng.IntN(8) == 0 {
				m.checkpoint(t, parts, rng)
			} else {
				m.write(t, h, rng)
			}
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

func acquireAll(t *testing.T, h *harness) (parts [modelParts]*Log) {
	for i := range parts {
		parts[i] = h.acquire(t, i)
	}
	return parts
}

// write makes a Write of some records of any partitions and some retained ones.
func (m *model) write(t *testing.T, h *harness, rng *rand.Rand) {
	w := &store.Write{Frees: rng.IntN(2) == 0}
	var want []uint64
	value := func() string { return strings.Repeat("v", rng.IntN(50)) + fmt.Sprint(rng.IntN(1000)) }
	for range rng.IntN(5) {
		n, v := rng.IntN(modelParts), value()
		want = append(want, m.parts[n].next())
		m.parts[n].log = append(m.parts[n].log, v)
		w.Records = append(w.Records, store.Record{Part: n, Data: []byte(v)})
	}
	for range max(rng.IntN(4)-1, 0) {
		r := store.Retained{Topic: fmt.Sprintf("a/%d/%d", rng.IntN(5), rng.IntN(10))}
		if delete(m.retained, r.Topic); rng.IntN(3) > 0 {
			m.retained[r.Topic] = value()
			r.Record = []byte(m.retained[r.Topic])
		}
		w.Retain = append(w.Retain, r)
	}
	w.Done = func(err error) {
		if err != nil {
			t.Error(err)
		}
		for i, r := range w.Records {
			if r.Seq != want[i] {
				t.Errorf("partition %d: number %d instead of %d", r.Part, r.Seq, want[i])
			}
		}
	}
	h.Write(w)
}

// checkpoint makes a checkpoint that drops some ranges.
func (m *model) checkpoint(t *testing.T, parts [modelParts]*Log, rng *rand.Rand) {
	n := rng.IntN(modelParts)
	p := &m.parts[n]
	at := p.at + rng.Uint64N(p.next()-p.at+1)
	var kvs []store.KV
	for range rng.IntN(5) {
		kv := store.KV{Key: fmt.Sprint("k", rng.IntN(20))}
		if delete(p.kvs, kv.Key); rng.IntN(3) > 0 {
			p.kvs[kv.Key] = fmt.Sprint(rng.IntN(1000))
			kv.Value = []byte(p.kvs[kv.Key])
		}
		kvs = append(kvs, kv)
	}
	var drop []store.Range
	for from := rng.Uint64N(3); from < at && len(drop) < 10; {
		r := store.Range{From: from, To: from + 1 + rng.Uint64N(1+min(at-from-1, uint64(rng.IntN(60))))}
		for seq := r.From; seq < r.To; seq++ {
			p.gone[seq] = true
		}
		drop = append(drop, r)
		from = r.To + rng.Uint64N(1+at/4)
	}
	p.at = at
	parts[n].Checkpoint(kvs, at, drop, func(err error) {
		if err != nil {
			t.Errorf("partition %d: %v", n, err)
		}
	})
}

func (m *model) compare(t *testing.T, h *harness, parts [modelParts]*Log, rng *rand.Rand) {
	t.Helper()
	for i, p := range parts {
		mp := &m.parts[i]
		from := rng.Uint64N(mp.next() + 1)
		want := mp.records(from)
		if diff := cmp.Diff(want, read(t, p, from)); diff != "" {
			t.Fatalf("partition %d from %d (-want +got):\n%s", i, from, diff)
		}
		var seqs []uint64
		for seq := from; seq < mp.next()+2; seq += 1 + rng.Uint64N(3) {
			seqs = append(seqs, seq)
		}
		want = slices.DeleteFunc(want, func(r record) bool { _, ok := slices.BinarySearch(seqs, r.Seq); return !ok })
		if diff := cmp.Diff(want, fetch(t, p, seqs)); diff != "" && len(want) > 0 {
			t.Fatalf("partition %d: Fetch (-want +got):\n%s", i, diff)
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
