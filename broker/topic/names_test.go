package topic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

func TestNamesSetGetDelete(t *testing.T) {
	var n topic.Names[string] // the zero value is ready
	if _, ok := n.Get("a"); ok {
		t.Error("an empty index has a")
	}
	if _, had := n.Delete("a"); had {
		t.Error("an empty index lost a")
	}
	if _, had := n.Set("a", "1"); had {
		t.Error("a was there")
	}
	if old, had := n.Set("a", "2"); !had || old != "1" {
		t.Errorf("Set returned %q, %v", old, had)
	}
	if v, ok := n.Get("a"); !ok || v != "2" || n.Len() != 1 {
		t.Errorf("Get returned %q, %v with %d names", v, ok, n.Len())
	}
	if old, had := n.Delete("a"); !had || old != "2" || n.Len() != 0 {
		t.Errorf("Delete returned %q, %v and left %d names", old, had, n.Len())
	}
	n.Set("a", "3")
	if v, _ := n.Get("a"); v != "3" {
		t.Errorf("Get returned %q", v)
	}
}

// scanAll collects every name by scans of limit names each, and fails if one yields more or stands still.
func scanAll(t *testing.T, n *topic.Names[int], filter string, limit int) []string {
	t.Helper()
	var all []string
	for after := ""; ; {
		out, done := n.Scan(filter, after, limit, nil)
		if len(out) > limit || len(out) < limit && !done {
			t.Fatalf("Scan(%q, %q) yields %d names of %d, done %v", filter, after, len(out), limit, done)
		}
		for _, e := range out {
			all = append(all, e.Name)
		}
		if done {
			return all
		}
		after = out[len(out)-1].Name
	}
}

// checkScan holds a scan against the naive matcher: the same names, each once.
func checkScan(t *testing.T, n *topic.Names[int], names []string, filter string, limit int) {
	t.Helper()
	var want []string
	for _, name := range names {
		if naiveMatch(filter, name) {
			want = append(want, name)
		}
	}
	got := scanAll(t, n, filter, limit)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("Scan(%q) by %d (-want +got):\n%s", filter, limit, diff)
	}
}

func TestNamesScan(t *testing.T) {
	n, names := topic.NewNames[int](), someNames()
	// Bytes just above and below '/', the characters next to '$', and names that begin alike.
	names = append(names, "a.b", "a0b", "a!/b", "a/b!", "#x", "%", "$", "a/b/c/d/e/f", "ab/a", "a/bb", "a\xff/b")
	for i, name := range names {
		n.Set(name, i)
	}
	for _, filter := range append(someFilters(), "a!/+", "a0b", "+/+/+/+/+/f", "%/#", "$/#") {
		for _, limit := range []int{1, 2, 7, 1000} {
			checkScan(t, n, names, filter, limit)
		}
	}
}

// A limit below 1 is 1, and what dst holds is kept.
func TestNamesScanAppends(t *testing.T) {
	n := topic.NewNames[int]()
	n.Set("a", 1)
	n.Set("b", 2)
	got, done := n.Scan("#", "", 0, []topic.Entry[int]{{Name: "x"}})
	if want := []topic.Entry[int]{{Name: "x"}, {Name: "a", Value: 1}}; !slices.Equal(got, want) || done {
		t.Errorf("Scan = %v, %v", got, done)
	}
}

// Thousands of names, so that blocks split and merge, added and deleted in random order.
func TestNamesManyBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var all []string
	for i := range 5000 {
		all = append(all, fmt.Sprintf("site%d/dev%d/v%d", i%7, i%501, i))
	}
	n := topic.NewNames[int]()
	check := func(names []string) {
		t.Helper()
		if n.Len() != len(names) {
			t.Fatalf("Len() = %d, want %d", n.Len(), len(names))
		}
		for _, filter := range []string{"#", "site3/#", "site3/+/v3", "+/dev17/+", "+/dev9/#", "site1", "+/+/+/x"} {
			checkScan(t, n, names, filter, 100)
		}
	}
	for _, ordered := range []bool{true, false} {
		if !ordered {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for i, name := range all {
			n.Set(name, i)
		}
		check(all)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for left := len(all); left > 0; left-- {
			if _, had := n.Delete(all[left-1]); !had {
				t.Fatalf("%q was not there", all[left-1])
			}
			if left == len(all)/2 || left == len(all)/20 || left == 1 {
				check(all[:left-1])
			}
		}
	}
}

// A cursor goes on where it was although its name, and others around it, have gone.
func TestNamesScanResumesAfterDelete(t *testing.T) {
	n := topic.NewNames[int]()
	for i := range 10 {
		n.Set(fmt.Sprintf("a/%d", i), i)
	}
	n.Delete("a/4")
	n.Delete("a/5")
	n.Set("a/44", 44)
	out, done := n.Scan("a/+", "a/4", 2, nil)
	if want := []topic.Entry[int]{{Name: "a/44", Value: 44}, {Name: "a/6", Value: 6}}; !slices.Equal(out, want) || done {
		t.Errorf("Scan = %v, %v", out, done)
	}
}

func TestNamesWalkStops(t *testing.T) {
	n := topic.NewNames[int]()
	for i := range 500 {
		n.Set(fmt.Sprintf("a/%d", i), i)
	}
	count := 0
	n.Walk("a/#", func(name string, _ int) bool {
		n.Delete(name) // no lock is held
		count++
		return count < 100
	})
	if count != 100 || n.Len() != 400 {
		t.Errorf("walked %d names and left %d", count, n.Len())
	}
}

// Each pair of bytes sets or deletes one of the names; then every filter has to find what is left.
func FuzzNames(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 0, 255, 1, 128}, byte(3))
	f.Add([]byte("any text makes a sequence of changes"), byte(1))
	filters, names := someFilters(), someNames()
	f.Fuzz(func(t *testing.T, changes []byte, limit byte) {
		n, model := topic.NewNames[int](), map[string]int{}
		for ; len(changes) >= 2; changes = changes[2:] {
			name, v := names[int(changes[0])%len(names)], int(changes[1])
			want, existed := model[name]
			var old int
			var had bool
			if v < 128 {
				old, had = n.Set(name, v)
				model[name] = v
			} else {
				old, had = n.Delete(name)
				delete(model, name)
			}
			if old != want || had != existed {
				t.Fatalf("%q had %d, %v; want %d, %v", name, old, had, want, existed)
			}
		}
		var left []string
		for name := range model {
			left = append(left, name)
		}
		for _, filter := range filters {
			checkScan(t, n, left, filter, int(limit%10)+1)
		}
	})
}
