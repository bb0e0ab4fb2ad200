package session

import (
	"math/rand/v2"
	"testing"
)

// TestEntries holds the queue to a slice.
func TestEntries(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q entries
	var model []uint64
	for i := range uint64(200_000) {
		if grow := i/5000%2 == 0; len(model) == 0 || random.IntN(10) < 7 == grow {
			q.push(entry{ordinal: i})
			model = append(model, i)
		} else {
			if got := q.pop().ordinal; got != model[0] {
				t.Fatalf("pop: %d, and not %d", got, model[0])
			}
			model = model[1:]
		}
		n := len(model)
		if q.len() != n {
			t.Fatalf("%d long, and not %d", q.len(), n)
		}
		if n > 0 {
			if at := random.IntN(n); q.at(at).ordinal != model[at] || q.at(n-1).ordinal != model[n-1] {
				t.Fatalf("at %d of %d: %d, and not %d", at, n, q.at(at).ordinal, model[at])
			}
		}
		if held := runsOf(&q); held > n/runSlots+2 || len(q.runs) > 16*max(1, held) {
			t.Fatalf("%d runs are held, and there is room for %d, for %d entries", held, len(q.runs), n)
		}
	}
}

func runsOf(q *entries) (held int) {
	for _, r := range q.runs {
		if r != nil {
			held++
		}
	}
	return held
}

// What has been taken leaves nothing behind: neither in its slot, which would keep a message alive, nor for who has the run next.
func TestEntriesForget(t *testing.T) {
	var q entries
	for range 3 * runSlots {
		q.push(entry{ordinal: 1, subIDs: []uint32{1}})
	}
	was := q.runs[0]
	for q.len() > 0 {
		q.pop()
	}
	for i, e := range was {
		if e.ordinal != 0 || e.subIDs != nil {
			t.Errorf("slot %d is left as %+v", i, e)
		}
	}
	if runsOf(&q) != 1 || len(q.runs) != 1 {
		t.Errorf("%d runs are held, and room for %d, while there is nothing", runsOf(&q), len(q.runs))
	}
}

// BenchmarkEntries fills and empties a queue of as many as may be in flight.
func BenchmarkEntries(b *testing.B) {
	b.ReportAllocs()
	var q entries
	for range b.N / 1024 {
		for range 1024 {
			q.push(entry{ordinal: 1})
		}
		for range 1024 {
			q.pop()
		}
	}
}
