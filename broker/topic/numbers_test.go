package topic

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestNumbers: every number is found by its name and none by another, also where most hashes are the same, and while they come and go.
func TestNumbers(t *testing.T) {
	for _, hashes := range []uint64{1, 3, 200, 1 << 40} { // so many of them are different
		t.Run(fmt.Sprint(hashes), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, hashes))
			var n numbers[int]
			var its items[int]
			have := map[string]uint32{}
			hash := func(name string) uint64 {
				h := hashOf(name) % hashes
				return (h | h<<32) * numberShards // in one table, and near its end
			}
			for step := range 20_000 {
				name := fmt.Sprint(r.IntN(300))
				number, found := n.find(name, hash(name), &its)
				want, is := have[name]
				if found != is || number != want {
					t.Fatalf("step %d: %s is %d, %v, want %d, %v", step, name, number, found, want, is)
				}
				if found {
					n.remove(hash(name), number)
					its.remove(number)
					delete(have, name)
				} else {
					have[name] = its.add(name, step)
					n.add(hash(name), have[name])
				}
			}
			used := 0
			for i := range n.shards {
				used += n.shards[i].used
			}
			if used != len(have) || its.len() != len(have) {
				t.Errorf("%d numbers of %d items are kept, want %d", used, its.len(), len(have))
			}
		})
	}
}
