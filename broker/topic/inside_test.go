package topic

import (
	"strconv"
	"testing"
)

// From inside: what goes away leaves nothing behind.
func TestFiltersArePruned(t *testing.T) {
	filters := []string{"a", "a/b", "a/b/c", "a/+", "a/+/x", "a/#", "+", "+/#", "#", "b/1", "b/2", "b/3/#", "b/3/+/#", "/", "//"}
	f := NewFilters[int]()
	for _, filter := range filters {
		f.Add(filter, 1)
	}
	for i, filter := range filters {
		if !f.Remove(filter, 1) {
			t.Errorf("%q was not there", filter)
		}
		for _, left := range filters[i+1:] {
			if f.Remove(left, 2) || !f.has(left, 1) {
				t.Errorf("%q went with %q", left, filter)
			}
		}
	}
	if !f.root.empty() {
		t.Errorf("%+v is left", &f.root)
	}
}

// has says whether e is under filter, by a removal that is undone.
func (f *Filters[E]) has(filter string, e E) bool {
	ok := f.Remove(filter, e)
	if ok {
		f.Add(filter, e)
	}
	return ok
}

// The table of a node follows its number of children up and down, and counts them right.
func TestTableFollowsChildren(t *testing.T) {
	const children = 1000
	f := NewFilters[int]()
	for i := range children {
		f.Add(strconv.Itoa(i), i)
		checkTable(t, f.root.table.Load(), i) // the first child is in no table
	}
	for i := range children - 1 {
		f.Remove(strconv.Itoa(i), i)
		if i > 0 {
			checkTable(t, f.root.table.Load(), children-1-i)
		}
	}
	if f.Remove(strconv.Itoa(children-1), children-1); !f.root.empty() {
		t.Error("a table is left")
	}
}

// One level that comes and goes uses its slot again, and levels that come and go do not fill the table for good.
func TestTableReusesSlots(t *testing.T) {
	f := NewFilters[int]()
	for i := range 40 {
		f.Add(strconv.Itoa(i), i)
	}
	before := f.root.table.Load()
	for range 1000 {
		f.Add("x", 1)
		f.Remove("x", 1)
	}
	if after := f.root.table.Load(); after != before {
		t.Error("one level made a new table")
	}
	for i := range 10_000 {
		f.Add("x"+strconv.Itoa(i), 1)
		f.Remove("x"+strconv.Itoa(i), 1)
		checkTable(t, f.root.table.Load(), 39)
	}
}

func checkTable(t *testing.T, table *table[int], live int) {
	t.Helper()
	if live == 0 {
		if table != nil {
			t.Fatal("an empty table is left")
		}
		return
	}
	nodes, graves := 0, 0
	for i := range table.slots {
		switch n := table.slots[i].Load(); n {
		case nil:
		case table.grave:
			graves++
		default:
			nodes++
		}
	}
	if nodes != live || table.live != live || table.used != nodes+graves {
		t.Fatalf("%d nodes and %d graves, want %d; the table counts %d and %d", nodes, graves, live, table.live, table.used)
	}
	if n := len(table.slots); table.used*2 > n || n > minSlots && live*8 < n {
		t.Fatalf("%d slots for %d nodes and %d graves", n, nodes, graves)
	}
}

// The pages of a filter that has lost most of its entries are put together, and so are the blocks of names.
func TestRemovalsGiveBackMemory(t *testing.T) {
	f, n := NewFilters[int](), NewNames[int]()
	const all, left = 100 * pageSize, 5 * pageSize
	for i := range all {
		f.Add("a", i)
		n.Set(strconv.Itoa(i), i)
	}
	for i := range all {
		if i%(all/left) != 0 {
			f.Remove("a", i)
			n.Delete(strconv.Itoa(i))
		}
	}
	if pages := len(f.root.child("a").entries.Load().more.many.pages); pages > 4*5 {
		t.Errorf("%d pages for %d entries", pages, left)
	}
	if blocks := len(n.sorted.blocks); blocks > 1+4*left/blockSize {
		t.Errorf("%d blocks for %d names", blocks, left)
	}
	if has := len(n.sorted.items.chunks) * itemsAtOnce; has > 8*left {
		t.Errorf("memory of %d items for %d", has, left)
	}
	for i := range all {
		want := i%(all/left) == 0
		if v, ok := n.Get(strconv.Itoa(i)); ok != want || ok && v != i {
			t.Fatalf("%d is %d, %t", i, v, ok)
		}
		n.Delete(strconv.Itoa(i))
	}
	if n.Len() != 0 || len(n.sorted.blocks) != 0 || len(n.sorted.items.chunks) > 1 {
		t.Errorf("%d names, %d blocks, %d chunks of items are left", n.Len(), len(n.sorted.blocks), len(n.sorted.items.chunks))
	}
}

// A scan leaps over what it cannot match, in one step.
func TestAdvanceLeaps(t *testing.T) {
	for _, r := range []struct {
		filter, name string
		want         move
	}{
		{"a/+/b", "a/1", move{to: "a/1/b"}},
		{"a/+/b", "a/1/a/x", move{to: "a/1/b"}},
		{"a/+/b", "a/1/b", move{match: true, how: past, to: "a/1/b"}},
		{"a/+/b", "a/1/b/c", move{how: past, to: "a/1"}},
		{"a/+/b", "a/1/c", move{how: past, to: "a/1"}},
		{"a/+/b", "b", move{how: stop}},
		{"a/+/b/c/#", "a/1/a", move{to: "a/1/b/c"}},
		{"a/#", "a", move{match: true, how: next, to: "a"}},
		{"+", "$s/a", move{to: "%"}},
		{"a/b", "a/c", move{how: stop}},
	} {
		if got := advance(r.filter, r.name); got != r.want {
			t.Errorf("advance(%q, %q) = %+v, want %+v", r.filter, r.name, got, r.want)
		}
	}
}
