package topic

import (
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Filters is the index from a topic name to the subscriptions whose filter matches it. E is the caller's
// subscription entry, as a rule a pointer. Use NewFilters.
//
// It is a tree with a node a level. Match takes no lock and costs what the matching part of the tree costs,
// however many other filters there are: whatever a reader follows is published by an atomic store and never
// changed in place. Add and Remove take turns on one mutex.
type Filters[E comparable] struct {
	mu         sync.Mutex // held by writers only
	root       node[E]
	generation atomic.Uint64
	size       atomic.Int64
}

// NewFilters returns an empty index.
func NewFilters[E comparable]() *Filters[E] {
	return &Filters[E]{}
}

// Add puts e under filter; if it is already there, nothing changes. The index keeps filter's memory.
// The cost is amortised O(levels), however many entries the filter has.
func (f *Filters[E]) Add(filter string, e E) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &f.root
	for rest, more := filter, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		switch {
		case level == "#" && !more:
			f.changed(addTo(&n.multi, e), 1)
			return
		case level == "+":
			n = n.grownPlus()
		default:
			n = n.grownChild(level)
		}
	}
	f.changed(addTo(&n.entries, e), 1)
}

// Remove takes e away from filter and reports whether it was there. A Match that begins after Remove has
// returned does not yield e. The cost is amortised O(levels), however many entries the filter has.
func (f *Filters[E]) Remove(filter string, e E) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	removed := f.root.remove(filter, e)
	f.changed(removed, -1)
	return removed
}

// Replace puts e, which is not under filter yet, there in the place of old, and reports whether old was there; else
// nothing changes. A Match yields one of the two, whenever it is made.
func (f *Filters[E]) Replace(filter string, old, e E) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	replaced := f.root.replace(filter, old, e)
	f.changed(replaced, 0)
	return replaced
}

// changed counts a change after it is visible: who reads the generation and then matches sees that change or
// finds another generation later.
func (f *Filters[E]) changed(did bool, by int64) {
	if did {
		f.size.Add(by)
		f.generation.Add(1)
	}
}

// Match appends to dst the entries of every filter that matches name, and returns it. An entry that is
// under several matching filters comes once for each; a filter with many entries yields several slices,
// and no slice is empty. The slices are snapshots: nobody changes them, the caller must not either, and they
// stay valid for as long as they are kept. Nothing is allocated while dst has room.
func (f *Filters[E]) Match(name string, dst [][]E) [][]E {
	if name == "" {
		return dst
	}
	return f.root.match(name, name[0] == '$', dst)
}

// MatchBytes is Match for a name in a byte slice, which is not kept.
func (f *Filters[E]) MatchBytes(name []byte, dst [][]E) [][]E {
	// The string lives for this call only, in which nobody writes to name.
	return f.Match(unsafe.String(unsafe.SliceData(name), len(name)), dst)
}

// Generation changes with every Add and Remove that changes something. A result of Match may be used
// until then, if Generation was read before Match was called.
func (f *Filters[E]) Generation() uint64 {
	return f.generation.Load()
}

// Len is the number of entries, over all filters.
func (f *Filters[E]) Len() int {
	return int(f.size.Load())
}
