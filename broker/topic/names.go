package topic

import "sync"

// scanBurst is the number of names that Scan looks at in one hold of the lock at most.
const scanBurst = 128

// Names is the index from a topic filter to the names it matches, each with a value: retained messages.
// The zero value is an empty index. Any number of goroutines may use it at the same time.
//
// Names are kept in one fixed order (see compare), in which everything below a level is together, so that a
// scan jumps over what its filter cannot match.
type Names[V any] struct {
	mu     sync.RWMutex
	byName numbers[V] // of sorted's items
	sorted sorted[V]
	recent int // the block of sorted that was inserted into last
}

// Entry is one name and its value.
type Entry[V any] struct {
	Name  string
	Value V
}

// NewNames returns an empty index.
func NewNames[V any]() *Names[V] {
	return &Names[V]{}
}

// Set gives name the value v, and returns the value it had, if it had one. The index keeps name's memory.
func (n *Names[V]) Set(name string, v V) (old V, had bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	hash := hashOf(name)
	number, had := n.byName.find(name, hash, &n.sorted.items)
	if had {
		it := n.sorted.items.at(number)
		old, it.value = it.value, v
		return old, true
	}
	number, n.recent = n.sorted.insert(name, v, n.recent)
	n.byName.add(hash, number)
	return old, false
}

// Get returns the value of name.
func (n *Names[V]) Get(name string) (v V, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	number, ok := n.byName.find(name, hashOf(name), &n.sorted.items)
	if ok {
		v = n.sorted.items.at(number).value
	}
	return v, ok
}

// Delete removes name, and returns the value it had, if it had one.
func (n *Names[V]) Delete(name string) (old V, had bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	hash := hashOf(name)
	number, had := n.byName.find(name, hash, &n.sorted.items)
	if !had {
		return old, false
	}
	old = n.sorted.items.at(number).value
	n.byName.remove(hash, number)
	n.sorted.remove(name)
	if n.sorted.items.sparse() {
		n.pack()
	}
	return old, true
}

// pack lets go of the memory of names that are not there any more: numbers, and items, keep that of their largest size.
func (n *Names[V]) pack() {
	packed := n.sorted.pack()
	n.byName = numbers[V]{}
	for _, number := range packed {
		n.byName.add(hashOf(n.sorted.items.name(number)), number)
	}
}

// Len is the number of names.
func (n *Names[V]) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.sorted.items.len()
}

// Scan appends to dst the next names that filter matches, at most limit of them (at least 1), and returns it.
// after is the cursor: the last name of the Scan before, or "" to begin. done: there are no more.
//
// A sequence of Scans yields every name that is there from its begin to its end exactly once, in a fixed order,
// and one that comes or goes in between at most once. The lock is held for short bursts and never between two Scans,
// so a reader may be as slow as it likes. What costs time is a filter like "+/+/x" that has to look below
// many levels and finds little: the call then lasts until all have been looked at. MQTT 5 §4.7.
func (n *Names[V]) Scan(filter, after string, limit int, dst []Entry[V]) (out []Entry[V], done bool) {
	limit = max(limit, 1)
	full := len(dst) + limit
	m := move{to: literalPrefix(filter)}
	if after != "" {
		m = advance(filter, after)
	}
	for m.how != stop && len(dst) < full {
		dst, m = n.burst(filter, m, full, dst)
	}
	return dst, m.how == stop
}

// burst goes on with a scan for one hold of the lock, and returns the move that is to be made then.
func (n *Names[V]) burst(filter string, m move, full int, dst []Entry[V]) ([]Entry[V], move) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	at := n.sorted.find(m)
	for range scanBurst {
		it := n.sorted.at(at)
		if it == nil {
			return dst, move{how: stop}
		}
		m = advance(filter, it.name)
		if m.match {
			dst = append(dst, Entry[V]{Name: it.name, Value: it.value})
		}
		if m.how == stop || len(dst) == full {
			break
		}
		at = n.sorted.follow(at, m)
	}
	return dst, m
}

// Walk calls fn for every name that filter matches, until fn returns false. No lock is held while fn runs,
// and fn may change the index; Scan says what a walk then yields.
func (n *Names[V]) Walk(filter string, fn func(name string, v V) bool) {
	var batch [64]Entry[V]
	for after, done := "", false; !done; {
		var out []Entry[V]
		out, done = n.Scan(filter, after, len(batch), batch[:0])
		for _, e := range out {
			if !fn(e.Name, e.Value) {
				return
			}
			after = e.Name
		}
	}
}
