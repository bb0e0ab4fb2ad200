package topic

import (
	"hash/maphash"
	"sync/atomic"
)

// hashSeed makes places in tables unpredictable: nobody can choose levels, or names, that collide.
var hashSeed = maphash.MakeSeed()

const minSlots = 4 // a power of two

// table is a hash set of nodes by level, with linear probing. One writer at a time changes it, while any number
// read: a node keeps its slot until it is removed, and a table that is rebuilt is rebuilt beside the old one.
type table[E comparable] struct {
	slots []atomic.Pointer[node[E]] // a power of two of them, some always nil
	live  int                       // nodes
	used  int                       // nodes and graves
	grave *node[E]                  // fills the slots of removed nodes; no literal level is "+"
}

func newTable[E comparable](slots int) *table[E] {
	return &table[E]{slots: make([]atomic.Pointer[node[E]], slots), grave: newNode[E]("+")}
}

// get returns the node of a level, whose headOf is head; nil: there is none.
func (t *table[E]) get(level string, head uint64) *node[E] {
	mask := len(t.slots) - 1
	for i := home(level) & mask; ; i = (i + 1) & mask {
		n := t.slots[i].Load()
		if n == nil || n.is(level, head) {
			return n
		}
	}
}

// with adds n, whose level the table does not have, and returns the table to use from now on. t may be nil.
func (t *table[E]) with(n *node[E]) *table[E] {
	if t == nil {
		t = newTable[E](minSlots)
	}
	if (t.used+1)*2 > len(t.slots) { // more would make long probes, each a cache miss
		t = t.rebuilt()
	}
	t.put(n)
	return t
}

// without removes n, which is in the table, and returns the table to use from now on; nil: it is empty.
func (t *table[E]) without(n *node[E]) *table[E] {
	mask := len(t.slots) - 1
	i := home(n.level) & mask
	for t.slots[i].Load() != n {
		i = (i + 1) & mask
	}
	t.slots[i].Store(t.grave)
	t.live--
	switch {
	case t.live == 0:
		return nil
	case len(t.slots) > minSlots && t.live*8 < len(t.slots):
		return t.rebuilt()
	}
	return t
}

func (t *table[E]) put(n *node[E]) {
	mask := len(t.slots) - 1
	i := home(n.level) & mask
	for {
		old := t.slots[i].Load()
		if old == nil {
			t.used++
		}
		if old == nil || old == t.grave { // readers that look for n do not stop before it
			break
		}
		i = (i + 1) & mask
	}
	t.slots[i].Store(n)
	t.live++
}

// rebuilt returns a copy without graves, and with room for more nodes.
func (t *table[E]) rebuilt() *table[E] {
	slots := minSlots
	for slots*3 < (t.live+1)*8 {
		slots *= 2
	}
	next := newTable[E](slots)
	for i := range t.slots {
		if n := t.slots[i].Load(); n != nil && n != t.grave {
			next.put(n)
		}
	}
	return next
}

func home(level string) int {
	return int(hashOf(level) >> 1)
}

func hashOf(s string) uint64 { return maphash.String(hashSeed, s) }
