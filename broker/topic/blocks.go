package topic

import (
	"slices"
	"sort"
)

// blockSize is the largest number of names in a block: what an insertion moves at most.
const blockSize = 256

// sorted is items in the order of their names (see compare), in blocks, none of them empty: an insertion moves the numbers of one
// block, and now and then the headers of the blocks. The zero value is empty. Not safe for concurrent use.
type sorted[V any] struct {
	items  items[V]
	blocks [][]uint32
}

// place is a position in blocks: entry i of block b.
type place struct{ b, i int }

// at returns the item at p; nil: p is the end.
func (s *sorted[V]) at(p place) *item[V] {
	if p.b == len(s.blocks) {
		return nil
	}
	return s.items.at(s.blocks[p.b][p.i])
}

// first and last are the names at the ends of block b.
func (s *sorted[V]) first(b int) string { return s.items.name(s.blocks[b][0]) }
func (s *sorted[V]) last(b int) string  { return s.items.name(s.blocks[b][len(s.blocks[b])-1]) }

// find returns the first place that m does not lead beyond.
func (s *sorted[V]) find(m move) place {
	b := sort.Search(len(s.blocks), func(b int) bool { return !m.before(s.last(b)) })
	if b == len(s.blocks) {
		return place{b: b}
	}
	return place{b: b, i: s.firstIn(b, 0, m)}
}

// follow is find for a move that leads beyond p, where the scan is. Mostly it leads to the name after p, or near.
func (s *sorted[V]) follow(p place, m move) place {
	block, after := s.blocks[p.b], p.i+1
	switch {
	case after == len(block):
		if p.b+1 == len(s.blocks) || m.how == next || !m.before(s.first(p.b+1)) {
			return place{b: p.b + 1}
		}
	case m.how == next || !m.before(s.items.name(block[after])):
		return place{b: p.b, i: after}
	case !m.before(s.last(p.b)):
		return place{b: p.b, i: s.firstIn(p.b, after+1, m)}
	}
	return s.find(m)
}

// firstIn returns the first index in block b, not before lo, that m does not lead beyond. The block's last is one such.
func (s *sorted[V]) firstIn(b, lo int, m move) int {
	block := s.blocks[b]
	return lo + sort.Search(len(block)-1-lo, func(i int) bool { return !m.before(s.items.name(block[lo+i])) })
}

// locate returns where name is, or else belongs: the first place whose name is not before it. near is a block that is
// tried first, if there is one: names come in runs.
func (s *sorted[V]) locate(name string, near int) place {
	if near >= len(s.blocks) || compare(s.first(near), name) > 0 || compare(s.last(near), name) < 0 {
		lo, hi := 0, len(s.blocks)
		for lo < hi {
			if b := int(uint(lo+hi) >> 1); compare(s.last(b), name) < 0 {
				lo = b + 1
			} else {
				hi = b
			}
		}
		if near = lo; near == len(s.blocks) {
			return place{b: near}
		}
	}
	block := s.blocks[near]
	lo, hi := 0, len(block)-1 // its last is not before name
	for lo < hi {
		if i := int(uint(lo+hi) >> 1); compare(s.items.name(block[i]), name) < 0 {
			lo = i + 1
		} else {
			hi = i
		}
	}
	return place{near, lo}
}

// insert puts in an item, whose name is not there, and returns its number and the block that it is in. near is as in locate.
func (s *sorted[V]) insert(name string, value V, near int) (number uint32, in int) {
	p := s.locate(name, near)
	number = s.items.add(name, value)
	if p.b == len(s.blocks) { // after all others: names that come in order fill their blocks
		if p.b > 0 && len(s.blocks[p.b-1]) < blockSize {
			s.blocks[p.b-1] = append(s.blocks[p.b-1], number)
			return number, p.b - 1
		}
		s.blocks = append(s.blocks, []uint32{number})
		return number, p.b
	}
	if block := s.blocks[p.b]; len(block) == blockSize {
		right := slices.Clone(block[blockSize/2:])
		s.blocks[p.b] = block[:blockSize/2]
		s.blocks = slices.Insert(s.blocks, p.b+1, right)
		if p.i > blockSize/2 {
			p = place{b: p.b + 1, i: p.i - blockSize/2}
		}
	}
	s.blocks[p.b] = slices.Insert(s.blocks[p.b], p.i, number)
	return number, p.b
}

// remove takes out the item of name, which is there.
func (s *sorted[V]) remove(name string) {
	p := s.locate(name, len(s.blocks))
	s.items.remove(s.blocks[p.b][p.i])
	s.blocks[p.b] = slices.Delete(s.blocks[p.b], p.i, p.i+1)
	s.join(p.b)
	s.join(p.b - 1)
	if p.b < len(s.blocks) && len(s.blocks[p.b]) == 0 {
		s.blocks = slices.Delete(s.blocks, p.b, p.b+1)
	}
}

// pack gives all items new numbers, from 0 on in their order, and returns those.
func (s *sorted[V]) pack() (numbers []uint32) {
	var packed items[V]
	for _, block := range s.blocks {
		for _, number := range block {
			it := s.items.at(number)
			numbers = append(numbers, packed.add(it.name, it.value))
		}
	}
	s.items, s.blocks = packed, nil
	for block := range slices.Chunk(numbers, blockSize/2) {
		s.blocks = append(s.blocks, slices.Clone(block))
	}
	return numbers
}

// join makes one block of blocks b and b+1, if both are there and together they are at most half full.
func (s *sorted[V]) join(b int) {
	if b < 0 || b+1 >= len(s.blocks) || len(s.blocks[b])+len(s.blocks[b+1]) > blockSize/2 {
		return
	}
	s.blocks[b] = append(s.blocks[b], s.blocks[b+1]...)
	s.blocks = slices.Delete(s.blocks, b+1, b+2)
}
