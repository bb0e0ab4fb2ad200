package topic

import (
	"slices"
	"sort"
)

// blockSize is the largest number of names in a block: what an insertion moves at most.
const blockSize = 256

// item is one name of a Names.
type item[V any] struct {
	name  string
	value V
}

// blocks is a sorted list of names in sorted blocks, none of them empty: an insertion moves the
// pointers of one block, and now and then those to the blocks. Not safe for concurrent use.
type blocks[V any] [][]*item[V]

// place is a position in blocks: entry i of block b.
type place struct{ b, i int }

// at returns the item at p; nil: p is the end.
func (s blocks[V]) at(p place) *item[V] {
	if p.b == len(s) {
		return nil
	}
	return s[p.b][p.i]
}

// find returns the first place that m does not lead beyond.
func (s blocks[V]) find(m move) place {
	b := sort.Search(len(s), func(b int) bool { return !m.before(s[b][len(s[b])-1].name) })
	if b == len(s) {
		return place{b: b}
	}
	return place{b: b, i: firstIn(s[b], 0, m)}
}

// follow is find for a move that leads beyond p, where the scan is. Mostly it leads to the name after p, or near.
func (s blocks[V]) follow(p place, m move) place {
	block, after := s[p.b], p.i+1
	switch {
	case after == len(block):
		if p.b+1 == len(s) || m.how == next || !m.before(s[p.b+1][0].name) {
			return place{b: p.b + 1}
		}
	case m.how == next || !m.before(block[after].name):
		return place{b: p.b, i: after}
	case !m.before(block[len(block)-1].name):
		return place{b: p.b, i: firstIn(block, after+1, m)}
	}
	return s.find(m)
}

// firstIn returns the first index, not before lo, that m does not lead beyond. The block's last is one such.
func firstIn[V any](block []*item[V], lo int, m move) int {
	return lo + sort.Search(len(block)-1-lo, func(i int) bool { return !m.before(block[lo+i].name) })
}

// insert puts in it, whose name is not there.
func (s *blocks[V]) insert(it *item[V]) {
	p := s.find(move{to: it.name})
	if p.b == len(*s) { // after all others: names that come in order fill their blocks
		if p.b > 0 && len((*s)[p.b-1]) < blockSize {
			(*s)[p.b-1] = append((*s)[p.b-1], it)
			return
		}
		*s = append(*s, []*item[V]{it})
		return
	}
	block := (*s)[p.b]
	if len(block) == blockSize {
		right := slices.Clone(block[blockSize/2:])
		clear(block[blockSize/2:])
		block = block[:blockSize/2]
		(*s)[p.b] = block
		*s = slices.Insert(*s, p.b+1, right)
		if p.i > blockSize/2 {
			p = place{b: p.b + 1, i: p.i - blockSize/2}
		}
	}
	(*s)[p.b] = slices.Insert((*s)[p.b], p.i, it)
}

// remove takes out the item of name, which is there.
func (s *blocks[V]) remove(name string) {
	p := s.find(move{to: name})
	(*s)[p.b] = slices.Delete((*s)[p.b], p.i, p.i+1)
	s.join(p.b)
	s.join(p.b - 1)
	if p.b < len(*s) && len((*s)[p.b]) == 0 {
		*s = slices.Delete(*s, p.b, p.b+1)
	}
}

// join makes one block of blocks b and b+1, if both are there and together they are at most half full.
func (s *blocks[V]) join(b int) {
	if b < 0 || b+1 >= len(*s) || len((*s)[b])+len((*s)[b+1]) > blockSize/2 {
		return
	}
	(*s)[b] = append((*s)[b], (*s)[b+1]...)
	*s = slices.Delete(*s, b+1, b+2)
}
