package disk

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// chunkRecords is how many records a chunk of holes is about. It is part of the on-disk format.
const chunkRecords = 512

// chunk says which of chunkRecords records are gone, a bit each.
type chunk struct {
	bits  [chunkRecords / 64]uint64
	saved bool // the database has it
	dirty bool // and it is not what it was
}

// holes are which records of a partition are gone from its log: dropped, or moved to the database. All below low are.
type holes struct {
	low     uint64
	touched []uint64          // chunks that are dirty
	chunks  map[uint64]*chunk // by number of the first record divided by chunkRecords; none: all are there
}

// has says whether a record is gone.
func (h *holes) has(seq uint64) bool {
	if seq < h.low {
		return true
	}
	c := h.chunks[seq/chunkRecords]
	return c != nil && c.bits[seq%chunkRecords/64]&(1<<(seq%64)) != 0
}

// run is the first records from from on that are not gone, up to, and without, to at most; From == To: all before to are gone.
func (h *holes) run(from, to uint64) store.Range {
	from = min(h.next(max(from, h.low), to, false), to)
	return store.Range{From: from, To: h.next(from, to, true)}
}

// next is the first record from from on, before to, that is gone, or is not; to: there is none.
func (h *holes) next(from, to uint64, gone bool) uint64 {
	for from < to {
		c := h.chunks[from/chunkRecords]
		if c == nil {
			if !gone {
				return from
			}
			from = (from/chunkRecords + 1) * chunkRecords
			continue
		}
		word := c.bits[from%chunkRecords/64]
		if !gone {
			word = ^word
		}
		if word >>= from % 64; word != 0 {
			return min(from+uint64(bits.TrailingZeros64(word)), to)
		}
		from = (from/64 + 1) * 64
	}
	return to
}

// add makes the records in r be gone, and appends to fresh which of them were not before.
func (h *holes) add(r store.Range, fresh []store.Range) []store.Range {
	for at := h.run(r.From, r.To); at.From < at.To; at = h.run(at.To, r.To) {
		fresh = append(fresh, at)
		for seq := at.From; seq < at.To; {
			c := h.chunk(seq / chunkRecords)
			n := min(64-seq%64, at.To-seq)
			c.bits[seq%chunkRecords/64] |= (^uint64(0) >> (64 - n)) << (seq % 64)
			if !c.dirty {
				c.dirty = true
				h.touched = append(h.touched, seq/chunkRecords)
			}
			seq += n
		}
	}
	return fresh
}

func (h *holes) chunk(n uint64) *chunk {
	c := h.chunks[n]
	if c == nil {
		if h.chunks == nil {
			h.chunks = make(map[uint64]*chunk)
		}
		c = new(chunk)
		h.chunks[n] = c
	}
	return c
}

// settle raises low as far as it goes, at most to to, and calls put for each chunk that has changed since: nil for those that are
// not needed any more.
func (h *holes) settle(to uint64, put func(n uint64, c *chunk) error) error {
	before := h.low
	h.low = h.next(h.low, max(to, h.low), false)
	for n := before / chunkRecords; n < h.low/chunkRecords; n++ {
		c := h.chunks[n]
		delete(h.chunks, n)
		if c != nil && c.saved {
			if err := put(n, nil); err != nil {
				return err
			}
		}
	}
	for _, n := range h.touched {
		if c := h.chunks[n]; c != nil {
			c.dirty, c.saved = false, true
			if err := put(n, c); err != nil {
				return err
			}
		}
	}
	h.touched = h.touched[:0]
	return nil
}

// clone is a copy of h.
func (h *holes) clone() holes {
	out := holes{low: h.low, chunks: make(map[uint64]*chunk, len(h.chunks))}
	for n, c := range h.chunks {
		same := *c
		out.chunks[n] = &same
	}
	return out
}

func (c *chunk) append(dst []byte) []byte {
	for _, word := range c.bits {
		dst = binary.BigEndian.AppendUint64(dst, word)
	}
	return dst
}

func (c *chunk) parse(value []byte) error {
	if len(value) != 8*len(c.bits) {
		return errors.New("it has another length than it should have")
	}
	for i := range c.bits {
		c.bits[i] = binary.BigEndian.Uint64(value[8*i:])
	}
	c.saved = true
	return nil
}
