package session

import (
	"math/rand/v2"
	"testing"
)

// TestRing holds the ring to a slice.
func TestRing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var r ring[int]
	var model []int
	for i := range 200_000 {
		if grow := i/5000%2 == 0; len(model) == 0 || random.IntN(10) < 7 == grow {
			r.push(i)
			model = append(model, i)
		} else {
			if got := r.pop(); got != model[0] {
				t.Fatalf("pop: %d, and not %d", got, model[0])
			}
			model = model[1:]
		}
		if r.len() != len(model) {
			t.Fatalf("%d long, and not %d", r.len(), len(model))
		}
		if n := len(model); n > 0 {
			if at := random.IntN(n); *r.at(at) != model[at] || *r.at(n - 1) != model[n-1] {
				t.Fatalf("at %d of %d: %d, and not %d", at, n, *r.at(at), model[at])
			}
		}
		if len(r.buf) > 64 && len(r.buf) > 16*max(1, r.len()) {
			t.Fatalf("%d slots are held for %d", len(r.buf), r.len())
		}
	}
}

// What is reserved is there for whatever comes, and what was in the ring stays in its order.
func TestRingReserves(t *testing.T) {
	var r ring[int]
	for i := range 6 {
		r.push(i)
	}
	for range 4 { // the next ones go round
		r.pop()
	}
	for i := range 4 {
		r.push(6 + i)
	}
	r.reserve(100)
	room := len(r.buf)
	for i := range 100 {
		r.push(10 + i)
	}
	if len(r.buf) != room || room&(room-1) != 0 {
		t.Errorf("room for %d, then for %d", room, len(r.buf))
	}
	for want := 4; r.len() > 0; want++ {
		if got := r.pop(); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
	}
}
