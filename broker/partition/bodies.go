package partition

import "github.com/dunlin-mqtt/dunlin/broker/store"

// bodies counts the references to each message's record, to know which records nobody needs any more.
type bodies struct {
	segments map[uint64]*segment
	last     *segment // the one that was used last
	lastKey  uint64
	live     int // records with references
	// dropped is below what the checkpoint stands for and was let go of since.
	dropped []store.Range
	at      uint64 // records below may be dropped as soon as nobody refers to them
}

func (b *bodies) segment(seq uint64) *segment {
	key := seq / segmentRecords
	if b.last != nil && b.lastKey == key {
		return b.last
	}
	if s := b.segments[key]; s != nil {
		b.last, b.lastKey = s, key
		return s
	}
	return nil
}

// add counts a reference.
func (b *bodies) add(seq uint64) {
	s := b.segment(seq)
	if s == nil {
		if b.segments == nil {
			b.segments = make(map[uint64]*segment)
		}
		s = new(segment)
		b.segments[seq/segmentRecords] = s
		b.last, b.lastKey = s, seq/segmentRecords
	}
	if s.add(uint16(seq % segmentRecords)) {
		b.live++
	}
}

// release takes a reference back.
func (b *bodies) release(seq uint64) {
	s := b.segment(seq)
	if s == nil || !s.release(uint16(seq%segmentRecords)) {
		return
	}
	b.live--
	if s.live == 0 {
		delete(b.segments, seq/segmentRecords)
		b.last = nil
	}
	if seq >= b.at {
		return // until a checkpoint stands for it
	}
	if k := len(b.dropped); k > 0 && b.dropped[k-1].To == seq {
		b.dropped[k-1].To++
		return
	}
	b.dropped = append(b.dropped, store.Range{From: seq, To: seq + 1})
}

// advance says that a checkpoint will stand for all records below at, and returns which of those
// nobody needs, in order.
func (b *bodies) advance(at uint64) []store.Range {
	drop := b.dropped
	b.dropped = nil
	for from := b.at; from < at; {
		to, live := b.run(from, at)
		if !live {
			drop = append(drop, store.Range{From: from, To: to})
		}
		from = to
	}
	b.at = max(b.at, at)
	return store.JoinRanges(drop)
}

// run is the end of the run from from, at most at to, of records that are all live or all not.
func (b *bodies) run(from, to uint64) (end uint64, live bool) {
	live = b.isLive(from)
	for end = from; end < to; end++ {
		if b.segments[end/segmentRecords] == nil { // the whole segment is not
			if live {
				return end, live
			}
			end = min(to, (end/segmentRecords+1)*segmentRecords) - 1
			continue
		}
		if b.isLive(end) != live {
			return end, live
		}
	}
	return end, live
}

func (b *bodies) isLive(seq uint64) bool {
	s := b.segment(seq)
	return s != nil && s.count(uint16(seq%segmentRecords)) > 0
}
