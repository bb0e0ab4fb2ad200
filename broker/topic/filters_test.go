package topic_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// subscription is what the tests index: an entry of a filter.
type subscription struct {
	filter string
	entry  int
}

// matched is a match result as one sorted slice.
func matched(f *topic.Filters[int], name string) []int {
	got := slices.Concat(f.Match(name, nil)...)
	slices.Sort(got)
	return got
}

// expected is matched, from a set of subscriptions and the naive matcher.
func expected(model map[subscription]bool, name string) []int {
	var want []int
	for s := range model {
		if naiveMatch(s.filter, name) {
			want = append(want, s.entry)
		}
	}
	slices.Sort(want)
	return want
}

func TestFiltersMatch(t *testing.T) {
	f := topic.NewFilters[int]()
	for i, filter := range []string{"#", "+/#", "a", "a/#", "a/+", "a/b", "+/b", "$SYS/#", "$SYS/+", "/", "+/+", "a/b/c"} {
		f.Add(filter, i)
	}
	for _, r := range []struct {
		name string
		want []int
	}{
		{"a", []int{0, 1, 2, 3}},
		{"a/b", []int{0, 1, 3, 4, 5, 6, 10}},
		{"a/b/c", []int{0, 1, 3, 11}},
		{"a/b/c/d", []int{0, 1, 3}},
		{"a/", []int{0, 1, 3, 4, 10}},
		{"/", []int{0, 1, 9, 10}},
		{"x", []int{0, 1}},
		{"$SYS", []int{7}},
		{"$SYS/x", []int{7, 8}},
		{"$SYS/x/y", []int{7}},
		{"", nil},
	} {
		if diff := cmp.Diff(r.want, matched(f, r.name)); diff != "" {
			t.Errorf("Match(%q) (-want +got):\n%s", r.name, diff)
		}
		if got := slices.Concat(f.MatchBytes([]byte(r.name), nil)...); len(got) != len(r.want) {
			t.Errorf("MatchBytes(%q) = %v", r.name, got)
		}
	}
}

func TestFiltersCountAndGeneration(t *testing.T) {
	f := topic.NewFilters[int]()
	steps := []struct {
		name    string
		do      func() bool
		changes bool
		length  int
	}{
		{"add", func() bool { f.Add("a/+", 1); return true }, true, 1},
		{"add again", func() bool { f.Add("a/+", 1); return true }, false, 1},
		{"add another", func() bool { f.Add("a/+", 2); return true }, true, 2},
		{"add elsewhere", func() bool { f.Add("#", 1); return true }, true, 3},
		{"remove unknown entry", func() bool { return !f.Remove("a/+", 3) }, false, 3},
		{"remove unknown filter", func() bool { return !f.Remove("a/b", 1) }, false, 3},
		{"remove unknown deep filter", func() bool { return !f.Remove("a/b/c/+/#", 1) }, false, 3},
		{"remove the prefix of a filter", func() bool { return !f.Remove("a", 1) }, false, 3},
		{"remove", func() bool { return f.Remove("a/+", 1) }, true, 2},
		{"remove again", func() bool { return !f.Remove("a/+", 1) }, false, 2},
		{"remove elsewhere", func() bool { return f.Remove("#", 1) }, true, 1},
	}
	for _, s := range steps {
		before := f.Generation()
		if !s.do() {
			t.Errorf("%s: wrong result", s.name)
		}
		if changed := f.Generation() != before; changed != s.changes {
			t.Errorf("%s: generation changed: %v", s.name, changed)
		}
		if f.Len() != s.length {
			t.Errorf("%s: Len() = %d, want %d", s.name, f.Len(), s.length)
		}
	}
}

// One filter with many entries goes from a slice to pages and back. All the way the index is what a set is,
// and what was handed out stays as it was.
func TestFiltersManyEntries(t *testing.T) {
	const entries = 3000
	f := topic.NewFilters[int]()
	model := map[subscription]bool{}
	type snapshot struct{ slices, copies [][]int }
	var taken []snapshot
	check := func() {
		t.Helper()
		if diff := cmp.Diff(expected(model, "a/b"), matched(f, "a/b")); diff != "" {
			t.Fatalf("with %d entries (-want +got):\n%s", len(model), diff)
		}
		s := snapshot{slices: f.Match("a/b", nil)}
		for _, part := range s.slices {
			if len(part) == 0 {
				t.Fatal("an empty slice")
			}
			s.copies = append(s.copies, slices.Clone(part))
		}
		taken = append(taken, s)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, adds := range []int{9, 5, 1, 8, 2, 0} { // of ten changes
		for step := range entries {
			s := subscription{filter: "a/b", entry: random.IntN(entries)}
			if random.IntN(10) < adds {
				f.Add(s.filter, s.entry)
				model[s] = true
				replaceSome(t, f, model, subscription{s.filter, random.IntN(entries)}, entries+step)
			} else if had := model[s]; f.Remove(s.filter, s.entry) != had {
				t.Fatalf("Remove(%v): was there: %v", s, had)
			} else {
				delete(model, s)
			}
			if step%300 == 0 {
				check()
			}
		}
	}
	for s := range model {
		f.Remove(s.filter, s.entry)
		delete(model, s)
	}
	check()
	for _, s := range taken {
		if diff := cmp.Diff(s.copies, s.slices); diff != "" {
			t.Fatalf("a snapshot has changed (-then +now):\n%s", diff)
		}
	}
}

// replaceSome puts an entry that is new in the place of another, which may not be there.
func replaceSome(t *testing.T, f *topic.Filters[int], model map[subscription]bool, old subscription, entry int) {
	t.Helper()
	had, before, length := model[old], f.Generation(), f.Len()
	fresh := subscription{old.filter, entry}
	if model[fresh] {
		return
	}
	if f.Replace(old.filter, old.entry, entry) != had || (f.Generation() != before) != had || f.Len() != length {
		t.Fatalf("Replace(%v, %d): was there: %v; generation %d and then %d, length %d and then %d",
			old, entry, had, before, f.Generation(), length, f.Len())
	}
	if had {
		delete(model, old)
		model[fresh] = true
	}
}

// A caller that appends to a snapshot does not write into what the index has added since.
func TestFiltersSnapshotsAreClipped(t *testing.T) {
	f := topic.NewFilters[int]()
	for i := range 300 {
		old := f.Match("a", nil)
		f.Add("a", i)
		for _, s := range old {
			_ = append(s, -1)
		}
	}
	if got := matched(f, "a"); got[0] != 0 || len(got) != 300 {
		t.Errorf("got %d entries from %d", len(got), got[0])
	}
}

func TestFiltersMatchAllocatesNothing(t *testing.T) {
	f := topic.NewFilters[int]()
	for i, filter := range someFilters() {
		f.Add(filter, i)
	}
	for i := range 1000 {
		f.Add("a/b/$s", i)
	}
	dst, name := make([][]int, 0, 64), []byte("a/b/$s")
	if n := testing.AllocsPerRun(100, func() { dst = f.MatchBytes(name, dst[:0]) }); n != 0 {
		t.Errorf("MatchBytes allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { dst = f.Match("a/b/$s", dst[:0]) }); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
	if len(dst) < 8 {
		t.Errorf("only %d slices", len(dst))
	}
}

// Each pair of bytes is one change: which filter, which entry, and whether it comes or goes.
func FuzzFilters(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0, 128, 1, 129})
	f.Add([]byte("any text makes a sequence of changes"))
	filters, names := someFilters(), someNames()
	f.Fuzz(func(t *testing.T, changes []byte) {
		index, model := topic.NewFilters[int](), map[subscription]bool{}
		for ; len(changes) >= 2; changes = changes[2:] {
			s := subscription{filter: filters[int(changes[0])%len(filters)], entry: int(changes[1] & 3)}
			if changes[1]&0x40 != 0 {
				replaceSome(t, index, model, s, 4+int(changes[1]&0x3f))
			} else if changes[1] < 128 {
				index.Add(s.filter, s.entry)
				model[s] = true
			} else if had := model[s]; index.Remove(s.filter, s.entry) != had {
				t.Fatalf("Remove(%v): was there: %v", s, had)
			} else {
				delete(model, s)
			}
		}
		if index.Len() != len(model) {
			t.Errorf("Len() = %d, want %d", index.Len(), len(model))
		}
		for _, name := range names {
			if diff := cmp.Diff(expected(model, name), matched(index, name)); diff != "" {
				t.Errorf("Match(%q) (-want +got):\n%s", name, diff)
			}
		}
	})
}
