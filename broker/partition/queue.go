package partition

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sort"
)

// Ref is a message that a session still has to deliver or to finish.
type Ref struct {
	Ordinal uint64 // the session's messages are numbered in the order of the log
	Seq     uint64 // of the message's record
	Size    int    // what the message counts against limits, in bytes
	Expires int64  // Unix milliseconds; 0: never
	QoS     byte
	Retain  bool
	Arrived bool // QoS 2: PUBREC has come
	IDs     []uint32
	Share   string // filter of the shared subscription that it came by; "": none
}

// chunkRefs is how many references a chunk has: the unit in which a queue grows, shrinks and is
// written to a checkpoint.
const chunkRefs = 256

// chunk is consecutive references, encoded.
type chunk struct {
	first uint64 // ordinal of the first
	base  uint64 // the sequence number that the first's is counted from
	last  uint64 // that of the last
	n     int
	left  int // that are not done
	done  [chunkRefs / 64]uint64
	refs  []byte
	saved bool // a checkpoint has it
	dirty bool // and it, or none, is not what it was

	at chunkCursor // where refs were looked at last: nearly always the next are looked at next
}

type chunkCursor struct {
	seq       uint64 // of the reference before
	own       uint64 // of the reference
	i, offset int32
	size      int32 // of the reference, in bytes; 0: it has not been looked at
}

// queue is a session's references in the order of their ordinals. The zero value is empty.
type queue struct {
	chunks []*chunk
	count  int   // that are not done
	bytes  int64 // their sizes
	gone   []uint64
	shares shares // that they came by
}

// push appends a reference; its ordinal is one more than that of the last.
func (q *queue) push(r *Ref) {
	c := q.tail()
	if c != nil && c.n == 0 { // it is used again
		c.first, c.base, c.last, c.at = r.Ordinal, r.Seq, r.Seq, chunkCursor{seq: r.Seq}
	}
	if c == nil || c.n == chunkRefs || r.Ordinal != c.first+uint64(c.n) {
		c = &chunk{first: r.Ordinal, base: r.Seq, last: r.Seq, at: chunkCursor{seq: r.Seq}}
		q.chunks = append(q.chunks, c)
	}
	c.refs = r.append(c.refs, c.last, q.shares.add(r.Share))
	c.last = r.Seq
	c.n++
	c.left++
	c.dirty = true
	q.count++
	q.bytes += int64(r.Size)
}

func (q *queue) tail() *chunk {
	if len(q.chunks) == 0 {
		return nil
	}
	return q.chunks[len(q.chunks)-1]
}

// find returns the chunk that ordinal is in, or the first after it, by position.
func (q *queue) find(ordinal uint64) int {
	if len(q.chunks) > 0 && ordinal < q.chunks[0].first+uint64(q.chunks[0].n) {
		return 0
	}
	return sort.Search(len(q.chunks), func(i int) bool { return ordinal < q.chunks[i].first+uint64(q.chunks[i].n) })
}

// locate finds the reference with an ordinal, if it is there and not done: the nth of the ith chunk.
func (q *queue) locate(ordinal uint64) (i, n int, ok bool) {
	i = q.find(ordinal)
	if i == len(q.chunks) || ordinal < q.chunks[i].first {
		return i, 0, false
	}
	n = int(ordinal - q.chunks[i].first)
	return i, n, !q.chunks[i].isDone(n)
}

// get returns the reference with an ordinal, if it is there and not done.
func (q *queue) get(ordinal uint64) (r Ref, ok bool) {
	i, n, ok := q.locate(ordinal)
	if !ok {
		return r, false
	}
	return q.look(q.chunks[i], n), true
}

// remove takes the reference with an ordinal away, if it is there.
func (q *queue) remove(ordinal uint64) (r Ref, ok bool) {
	i, n, ok := q.locate(ordinal)
	if !ok {
		return r, false
	}
	c := q.chunks[i]
	r = q.look(c, n)
	q.shares.release(r.Share)
	c.done[n/64] |= 1 << (n % 64)
	c.left--
	c.dirty = true
	q.count--
	q.bytes -= int64(r.Size)
	if c.left == 0 {
		q.drop(i)
	}
	return r, true
}

// drop takes a chunk away of which nothing is left. One that no checkpoint has is used again.
func (q *queue) drop(i int) {
	c := q.chunks[i]
	if c.saved {
		q.gone = append(q.gone, c.first)
	}
	if len(q.chunks) == 1 && !c.saved {
		next := c.first + uint64(c.n)
		*c = chunk{first: next, base: c.last, last: c.last, refs: c.refs[:0], at: chunkCursor{seq: c.last}}
		return
	}
	q.chunks = slices.Delete(q.chunks, i, i+1)
}

// shrink lets go of memory that an empty queue holds, and says whether it holds nothing then, nor has a
// checkpoint anything of it.
func (q *queue) shrink() (nothing bool) {
	if q.count == 0 && len(q.chunks) == 1 && !q.chunks[0].saved {
		q.chunks = nil
	}
	return len(q.chunks) == 0 && len(q.gone) == 0
}

// scan calls fn for the references from an ordinal on, until fn returns false.
func (q *queue) scan(from uint64, fn func(r *Ref) bool) {
	for i := q.find(from); i < len(q.chunks); i++ {
		c := q.chunks[i]
		n := 0
		if from > c.first {
			n = int(from - c.first)
		}
		at := c.at
		for ; n < c.n; n++ {
			if n%64 == 0 && c.done[n/64] == ^uint64(0) {
				n += 63
				continue
			}
			if c.isDone(n) {
				continue
			}
			r, share := c.lookFrom(&at, n)
			r.Share = q.shares.filter(share)
			if !fn(&r) {
				return
			}
		}
	}
}

// first is the ordinal of the oldest reference that is there.
func (q *queue) first() (ordinal uint64, ok bool) {
	for _, c := range q.chunks {
		for w, done := range c.done {
			if n := w*64 + bits.TrailingZeros64(^done); n < min(c.n, (w+1)*64) {
				return c.first + uint64(n), true
			}
		}
	}
	return 0, false
}

func (c *chunk) isDone(n int) bool { return c.done[n/64]&(1<<(n%64)) != 0 }

// look decodes the nth reference of a chunk.
func (q *queue) look(c *chunk, n int) Ref {
	r, share := c.lookFrom(&c.at, n)
	r.Share = q.shares.filter(share)
	return r
}

// lookFrom decodes the nth reference, but for its Share, of which share is the number.
func (c *chunk) lookFrom(at *chunkCursor, n int) (r Ref, share uint64) {
	if int(at.i) > n {
		*at = chunkCursor{seq: c.base}
	}
	for {
		if at.size > 0 && int(at.i) < n {
			*at = chunkCursor{i: at.i + 1, offset: at.offset + at.size, seq: at.own}
		}
		used, share := r.parse(c.refs[at.offset:], at.seq)
		at.own, at.size = r.Seq, int32(used)
		if int(at.i) == n {
			r.Ordinal = c.first + uint64(n)
			return r, share
		}
	}
}

// The bits of an encoded reference's first byte.
const (
	refQoS     = 3
	refRetain  = 4
	refExpires = 8
	refIDs     = 16
	refShare   = 32
)

// append encodes r but for its ordinal. before is the sequence number of the reference before, share
// the number of r.Share, which is 0 if there is none.
func (r *Ref) append(dst []byte, before, share uint64) []byte {
	options := flag(r.Retain, refRetain) | flag(r.Expires != 0, refExpires) | flag(len(r.IDs) > 0, refIDs) | flag(share != 0, refShare)
	dst = append(dst, r.QoS|options)
	dst = binary.AppendUvarint(dst, r.Seq-before)
	dst = binary.AppendUvarint(dst, uint64(r.Size))
	if r.Expires != 0 {
		dst = binary.AppendUvarint(dst, uint64(r.Expires))
	}
	if len(r.IDs) > 0 {
		dst = appendIDs(dst, r.IDs)
	}
	if share != 0 {
		dst = binary.AppendUvarint(dst, share)
	}
	return dst
}

// parse decodes what append has encoded, and was checked when it came from a checkpoint.
func (r *Ref) parse(b []byte, before uint64) (used int, share uint64) {
	if len(b) > 2 && b[0] <= refQoS|refRetain && b[1] < 0x80 { // nearly all are like that
		if size, n := binary.Uvarint(b[2:]); n > 0 {
			*r = Ref{QoS: b[0] & refQoS, Retain: b[0]&refRetain != 0, Seq: before + uint64(b[1]), Size: int(size)}
			return 2 + n, 0
		}
	}
	p := parser{rest: b}
	share = p.ref(r, before)
	return len(b) - len(p.rest), share
}

func (p *parser) ref(r *Ref, before uint64) (share uint64) {
	options := p.byte()
	*r = Ref{QoS: options & refQoS, Retain: options&refRetain != 0}
	r.Seq = before + p.uint()
	r.Size = int(p.uint())
	if options&refExpires != 0 {
		r.Expires = int64(p.uint())
	}
	if options&refIDs != 0 {
		r.IDs = p.ids()
	}
	if options&refShare != 0 {
		share = p.uint()
	}
	return share
}
