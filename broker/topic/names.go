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
	byName map[string]*item[V]
	sorted blocks[V]
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
	if it, ok := n.byName[name]; ok {
		old, it.value = it.value, v
		return old, true
	}
	if n.byName == nil {
		n.byName = make(map[string]*item[V])
	}
	it := &item[V]{name: name, value: v}
	n.byName[name] = it
	n.sorted.insert(it)
	return old, false
}

// Get returns the value of name.
func (n *Names[V]) Get(name string) (v V, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	it, ok := n.byName[name]
	if ok {
		v = it.value
	}
	return v, ok
}

// Delete removes name, and returns the value it had, if it had one.
func (n *Names[V]) Delete(name string) (old V, had bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	it, ok := n.byName[name]
	if !ok {
		return old, false
	}
	delete(n.byName, name)
	n.sorted.remove(name)
	if len(n.byName) == 0 {
		n.byName = nil // a map keeps the memory of its largest size
	}
	return it.value, true
}

// Len is the number of names.
func (n *Names[V]) Len() int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return len(n.byName)
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
