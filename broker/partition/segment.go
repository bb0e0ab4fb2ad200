package partition

import (
	"cmp"
	"slices"
)

const (
	// segmentRecords is how many records a segment counts the references of.
	segmentRecords = 512
	// A segment is a list while few of its records have references, and an array once many do.
	segmentMany = 48
	segmentFew  = 16
)

// segment counts the references to the records of a run: eight bytes for each that has any while they
// are few, and four for each of the run when they are many. The zero value counts none.
type segment struct {
	few  []counted // by record
	many *[segmentRecords]uint32
	live int // records with references
}

type counted struct {
	record uint16
	refs   uint32
}

func (s *segment) find(record uint16) (i int, found bool) {
	return slices.BinarySearchFunc(s.few, record, func(c counted, record uint16) int { return cmp.Compare(c.record, record) })
}

// count is the number of references to a record.
func (s *segment) count(record uint16) uint32 {
	if s.many != nil {
		return s.many[record]
	}
	if i, found := s.find(record); found {
		return s.few[i].refs
	}
	return 0
}

// add counts a reference, and says whether it is the record's first.
func (s *segment) add(record uint16) (first bool) {
	if s.many == nil && s.live >= segmentMany {
		s.spread()
	}
	if s.many != nil {
		s.many[record]++
		first = s.many[record] == 1
	} else {
		i, found := s.find(record)
		if first = !found; first {
			s.few = slices.Insert(s.few, i, counted{record: record})
		}
		s.few[i].refs++
	}
	if first {
		s.live++
	}
	return first
}

// release takes a reference back, and says whether it was the record's last.
func (s *segment) release(record uint16) (last bool) {
	switch i, found := s.find(record); {
	case s.many != nil && s.many[record] > 0:
		s.many[record]--
		last = s.many[record] == 0
	case found:
		if s.few[i].refs--; s.few[i].refs == 0 {
			s.few = slices.Delete(s.few, i, i+1)
			last = true
		}
	}
	if last {
		s.live--
	}
	if s.many != nil && s.live <= segmentFew {
		s.gather()
	}
	return last
}

// spread makes the list an array.
func (s *segment) spread() {
	s.many = new([segmentRecords]uint32)
	for _, c := range s.few {
		s.many[c.record] = c.refs
	}
	s.few = nil
}

// gather makes the array a list.
func (s *segment) gather() {
	s.few = make([]counted, 0, s.live)
	for record, refs := range s.many {
		if refs > 0 {
			s.few = append(s.few, counted{uint16(record), refs})
		}
	}
	s.many = nil
}
