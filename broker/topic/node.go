package topic

import (
	"strings"
	"sync/atomic"
)

// node is one level of the filters that begin alike. Its literal children are in first and in table: first
// spares the nodes with one child a table, and a child stays where it was put, so that a reader that looks
// at first and then at table cannot miss it. The size matters: 1 M filters are some 3 M nodes, and a node is
// one cache line.
type node[E comparable] struct {
	level   string
	head    uint64 // of level: most are told apart without a look at its bytes, which are elsewhere
	first   atomic.Pointer[node[E]]
	table   atomic.Pointer[table[E]]
	plus    atomic.Pointer[node[E]] // where filters go on with '+'
	multi   atomic.Pointer[list[E]] // of the filter that ends with '#' below the node
	entries atomic.Pointer[list[E]] // of the filter that ends at the node
}

func newNode[E comparable](level string) *node[E] {
	return &node[E]{level: level, head: headOf(level)}
}

// headOf is the first 8 bytes of a level, or all.
func headOf(level string) (head uint64) {
	if len(level) >= 8 { // one load
		return uint64(level[0]) | uint64(level[1])<<8 | uint64(level[2])<<16 | uint64(level[3])<<24 |
			uint64(level[4])<<32 | uint64(level[5])<<40 | uint64(level[6])<<48 | uint64(level[7])<<56
	}
	for i := range len(level) {
		head |= uint64(level[i]) << (8 * i)
	}
	return head
}

// is says whether n is level, whose headOf is head.
func (n *node[E]) is(level string, head uint64) bool {
	return n.head == head && len(n.level) == len(level) && (len(level) <= 8 || n.level == level)
}

// match appends the entries of the filters under n that match rest, the levels of a name after n.
// hidden: the wildcards of n itself do not count [MQTT-4.7.2-1].
func (n *node[E]) match(rest string, hidden bool, dst [][]E) [][]E {
	for {
		level, tail, more := strings.Cut(rest, "/")
		if !hidden {
			dst = n.multi.Load().appendTo(dst)
			switch plus := n.plus.Load(); {
			case plus == nil:
			case more:
				dst = plus.match(tail, false, dst)
			default:
				dst = plus.matchEnd(dst)
			}
		}
		n = n.child(level)
		if n == nil {
			return dst
		}
		if !more {
			return n.matchEnd(dst)
		}
		rest, hidden = tail, false
	}
}

// matchEnd appends the entries of the filters that match a name that ends at n: n's own and, because
// "a/#" matches "a", those of the '#' below it.
func (n *node[E]) matchEnd(dst [][]E) [][]E {
	return n.multi.Load().appendTo(n.entries.Load().appendTo(dst))
}

func (n *node[E]) child(level string) *node[E] {
	head := headOf(level)
	if c := n.first.Load(); c != nil && c.is(level, head) {
		return c
	}
	if t := n.table.Load(); t != nil {
		return t.get(level, head)
	}
	return nil
}

// grownChild is child, made when it is missing.
func (n *node[E]) grownChild(level string) *node[E] {
	c := n.child(level)
	if c != nil {
		return c
	}
	c = newNode[E](level)
	if n.first.Load() == nil {
		n.first.Store(c)
		return c
	}
	n.table.Store(n.table.Load().with(c))
	return c
}

// grownPlus is the node under '+', made when it is missing.
func (n *node[E]) grownPlus() *node[E] {
	if n.plus.Load() == nil {
		n.plus.Store(newNode[E]("+"))
	}
	return n.plus.Load()
}

// remove takes e away from the filter that goes on from n with rest, and prunes what that leaves empty below n.
func (n *node[E]) remove(rest string, e E) bool {
	level, tail, more := strings.Cut(rest, "/")
	if level == "#" && !more {
		return removeFrom(&n.multi, e)
	}
	var c *node[E]
	if level == "+" {
		c = n.plus.Load()
	} else {
		c = n.child(level)
	}
	if c == nil {
		return false
	}
	removed := false
	if more {
		removed = c.remove(tail, e)
	} else {
		removed = removeFrom(&c.entries, e)
	}
	if removed && c.empty() {
		n.drop(c)
	}
	return removed
}

// replace puts e in the place of old under the filter that goes on from n with rest.
func (n *node[E]) replace(rest string, old, e E) bool {
	for n != nil {
		level, tail, more := strings.Cut(rest, "/")
		switch {
		case level == "#" && !more:
			return replaceIn(&n.multi, old, e)
		case level == "+":
			n = n.plus.Load()
		default:
			n = n.child(level)
		}
		if n != nil && !more {
			return replaceIn(&n.entries, old, e)
		}
		rest = tail
	}
	return false
}

func (n *node[E]) empty() bool {
	return n.entries.Load() == nil && n.multi.Load() == nil && n.plus.Load() == nil &&
		n.first.Load() == nil && n.table.Load() == nil
}

// drop takes away the empty child c.
func (n *node[E]) drop(c *node[E]) {
	switch c {
	case n.plus.Load():
		n.plus.Store(nil)
	case n.first.Load():
		n.first.Store(nil)
	default:
		n.table.Store(n.table.Load().without(c))
	}
}
