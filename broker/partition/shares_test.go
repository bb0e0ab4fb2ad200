package partition

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestShares: a place is given once and used again when nothing refers to it, so that there are no more than filters at a time.
func TestShares(t *testing.T) {
	var s shares
	for i := range 100 {
		filter := fmt.Sprint("$share/g/", i)
		place := s.add(filter)
		if again := s.add(filter); again != place || s.filter(place) != filter || s.count(filter) != 2 {
			t.Fatalf("%s: at %d and %d, %q, %d", filter, place, again, s.filter(place), s.count(filter))
		}
		if i > 0 {
			before := fmt.Sprint("$share/g/", i-1)
			s.release(before)
			s.release(before)
		}
	}
	if len(s) != 2 {
		t.Errorf("%d places", len(s))
	}
	s.release("$share/g/99")
	if s.release("$share/g/99"); s != nil {
		t.Errorf("%v is left", s)
	}
	if s.add("") != 0 || s.filter(0) != "" || s.filter(7) != "" || s.count("x") != 0 {
		t.Error("none is one")
	}
}

// TestCheckpointShares: the shares that messages came by are in the checkpoint, and what refers to another is damaged.
func TestCheckpointShares(t *testing.T) {
	st := begun(t)
	for i := range chunkRefs { // in two chunks
		shared[0].Share = fmt.Sprint("$share/g/", i%3)
		if err := st.Apply(st.Next(), appendMessage(shared, &msg)); err != nil {
			t.Fatal(err)
		}
	}
	pairs := saved(st)
	again := loaded(t, pairs, st.Next())
	if diff := cmp.Diff(look(t, st), look(t, again)); diff != "" {
		t.Error(diff)
	}
	want, got := map[string]int{}, map[string]int{}
	st.Session("c").Shares(func(filter string, n int) { want[filter] = n })
	again.Session("c").Shares(func(filter string, n int) { got[filter] = n })
	if diff := cmp.Diff(want, got); diff != "" || want["$share/g/1"] != 85 || again.Session("c").Shared("$share/g/1") != 85 {
		t.Errorf("%v\n%s", want, diff)
	}
	bad := NewState(st.Next())
	if err := bad.Load("c", []byte(strings.Replace(string(pairs["c"]), "\x03\x0a$share/g/0", "\x00", 1))); err == nil {
		t.Error("more than the shares is accepted")
	}
	without := pairs["c"][:strings.Index(string(pairs["c"]), "\x03\x0a$share/g/0")]
	if err := bad.Load("c", without); err != nil {
		t.Fatal(err)
	}
	if err := bad.Load(chunkKey("c", 0), pairs[chunkKey("c", 0)]); err == nil || !strings.Contains(err.Error(), "bad share") {
		t.Errorf("a queue with shares that the session does not have: %v", err)
	}
}
