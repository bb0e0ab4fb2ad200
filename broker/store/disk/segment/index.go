package segment

import (
	"encoding/binary"
	"errors"
	"sort"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// sparse is how many bytes of a file there are at least between two places of a partition's index.
const sparse = 64 << 10

// index is where in a file the records of each partition are.
type index struct {
	parts         [store.Partitions]partIndex
	pairs         store.Range // numbers of its pairs
	records, live uint64      // how many there are, and how many have not been released
}

// partIndex is that of one partition: its records in the file have consecutive numbers.
type partIndex struct {
	store.Range         // From == To: it has none here; To is that of the file before then
	places      []entry // of blocks, in order; the first record is in the first
	large       []entry // records that have a block of their own, in order, with their size in place of the offset
	small       uint64  // bytes of the others together

	goneSmall uint64 // records of these that have been released
	goneLarge uint64 // bytes of those that have been
}

// bytes is how many bytes of records there are, and how many of them have not been released, about: small ones count alike.
func (p *partIndex) bytes() (all, live uint64) {
	large := uint64(0)
	for _, e := range p.large {
		large += uint64(e.offset)
	}
	live = large - p.goneLarge
	if n := p.To - p.From - uint64(len(p.large)); n > 0 {
		live += p.small * (n - p.goneSmall) / n
	}
	return large + p.small, live
}

// release says that these records, which are there, have been released.
func (p *partIndex) release(from, to uint64) {
	p.goneSmall += to - from
	i := sort.Search(len(p.large), func(i int) bool { return p.From+uint64(p.large[i].after) >= from })
	for ; i < len(p.large) && p.From+uint64(p.large[i].after) < to; i++ {
		p.goneSmall--
		p.goneLarge += uint64(p.large[i].offset)
	}
}

// entry is a block.
type entry struct {
	after  uint32 // the number of its first record, less that of the partition's first in the file
	offset uint32
}

// add adds a block at an offset.
func (x *index) add(h *header, offset int64) {
	switch h.kind {
	case kindPairs:
		if x.pairs.From == x.pairs.To {
			x.pairs.From = h.first
		}
		x.pairs.To = h.first + 1
	case kindRecords:
		p := &x.parts[h.part]
		if p.From == p.To {
			p.From = h.first
		}
		if n := len(p.places); n == 0 || offset-int64(p.places[n-1].offset) >= sparse {
			p.places = append(p.places, entry{uint32(h.first - p.From), uint32(offset)})
		}
		p.To = h.first + uint64(h.count)
		if h.count == 1 && h.length >= largeRecord {
			p.large = append(p.large, entry{uint32(h.first - p.From), h.length})
		} else {
			p.small += uint64(h.length)
		}
		x.records += uint64(h.count)
		x.live += uint64(h.count)
	}
}

// follows is an error if a block cannot be the next.
func (x *index) follows(h *header) error {
	switch {
	case h.kind == kindRecords && int(h.part) >= len(x.parts):
		return errors.New("it has records of a partition that there is not")
	case h.kind == kindRecords && h.first != x.parts[h.part].To && x.parts[h.part].From != x.parts[h.part].To:
		return errors.New("the number of its first record is not the next")
	case h.kind == kindPairs && h.first != x.pairs.To && x.pairs.From != x.pairs.To:
		return errors.New("its number is not the next")
	}
	return nil
}

// from is an offset at or before the block that has a record of a partition, or the next if there is none.
func (p *partIndex) from(seq uint64) int64 {
	if seq <= p.From {
		return int64(p.places[0].offset)
	}
	after := uint32(min(seq-p.From, 1<<32-1))
	i := sort.Search(len(p.places), func(i int) bool { return p.places[i].after > after })
	return int64(p.places[max(i-1, 0)].offset)
}

// append encodes x: the pairs, and of each partition that has records its number, From, To less From, the
// bytes of small records, and the places and the large records.
func (x *index) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, x.pairs.From)
	dst = binary.AppendUvarint(dst, x.pairs.To-x.pairs.From)
	for n := range x.parts {
		p := &x.parts[n]
		if p.From == p.To {
			continue
		}
		dst = append(dst, byte(n))
		dst = binary.AppendUvarint(dst, p.From)
		dst = binary.AppendUvarint(dst, p.To-p.From)
		dst = binary.AppendUvarint(dst, p.small)
		dst = binary.AppendUvarint(dst, uint64(len(p.places)))
		last := entry{}
		for _, e := range p.places {
			dst = binary.AppendUvarint(dst, uint64(e.after-last.after))
			dst = binary.AppendUvarint(dst, uint64(e.offset-last.offset))
			last = e
		}
		dst = binary.AppendUvarint(dst, uint64(len(p.large)))
		for _, e := range p.large {
			dst = binary.AppendUvarint(dst, uint64(e.after))
			dst = binary.AppendUvarint(dst, uint64(e.offset))
		}
	}
	return dst
}

// parse decodes what append has encoded for a file of a size.
func (x *index) parse(b []byte, size int64) error {
	p := indexParser{rest: b}
	x.pairs.From = p.uint()
	x.pairs.To = x.pairs.From + p.uint()
	for len(p.rest) > 0 && !p.bad {
		n := int(p.rest[0])
		p.rest = p.rest[1:]
		if n >= len(x.parts) {
			p.bad = true
			break
		}
		part := &x.parts[n]
		part.From = p.uint()
		part.To = part.From + p.uint()
		x.records += part.To - part.From
		x.live = x.records
		part.small = p.uint()
		count := p.uint()
		if count == 0 || count > uint64(len(p.rest)) || part.To <= part.From {
			p.bad = true
			break
		}
		part.places = make([]entry, count)
		last := entry{}
		for i := range part.places {
			last = entry{last.after + uint32(p.uint()), last.offset + uint32(p.uint())}
			part.places[i] = last
			p.bad = p.bad || int64(last.offset) >= size
		}
		if count = p.uint(); count > uint64(len(p.rest)) || count > part.To-part.From {
			p.bad = true
			break
		}
		part.large = make([]entry, 0, count)
		for range count {
			part.large = append(part.large, entry{uint32(p.uint()), uint32(p.uint())})
		}
	}
	if p.bad {
		return errors.New("the index says what cannot be")
	}
	return nil
}

// indexParser reads numbers.
type indexParser struct {
	rest []byte
	bad  bool
}

func (p *indexParser) uint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}
