package session

import "sync"

// segmentSize is that of a pooled segment.
const segmentSize = 8 << 10

// ByReference is the payload size, in bytes, from which a payload is written from the shared message
// instead of being copied into a segment: a message that is borrowed is then copied to be shared.
const ByReference = 4 << 10

// Segment is a run of bytes to be written.
type Segment struct {
	Bytes  []byte
	pooled bool
}

var segmentPool = sync.Pool{New: func() any { b := make([]byte, 0, segmentSize); return &b }}

// Recycle gives a written segment back. Its bytes must not be used after.
func (s *Segment) Recycle() {
	if s.pooled && cap(s.Bytes) == segmentSize {
		b := s.Bytes[:0]
		segmentPool.Put(&b)
	}
	*s = Segment{}
}

// outbox is the bytes that wait for a connection's socket. An empty one holds no memory.
type outbox struct {
	full    []Segment // older than tail
	tail    []byte    // the segment that is being filled; nil: none
	size    int       // bytes in full and tail
	writing bool      // somebody has taken bytes and will come back for more
	dirty   bool      // somebody has been told to flush
	sealed  bool      // the last packet is in it: nothing may follow
}

// room returns the tail with at least n bytes free, or with all that a segment has.
func (o *outbox) room(n int) []byte {
	if o.tail != nil && cap(o.tail)-len(o.tail) >= n {
		return o.tail
	}
	if len(o.tail) > 0 {
		o.full = append(o.full, Segment{o.tail, cap(o.tail) == segmentSize})
	}
	if n > segmentSize {
		return make([]byte, 0, n)
	}
	return (*segmentPool.Get().(*[]byte))[:0]
}

// append copies b in.
func (o *outbox) append(b []byte) {
	o.tail = append(o.room(len(b)), b...)
	o.size += len(b)
}

// reference queues b without copying it; b must never change.
func (o *outbox) reference(b []byte) {
	if len(o.tail) > 0 {
		o.full = append(o.full, Segment{o.tail, cap(o.tail) == segmentSize})
		o.tail = nil
	}
	o.full = append(o.full, Segment{b, false})
	o.size += len(b)
}

// take moves everything into dst.
func (o *outbox) take(dst []Segment) []Segment {
	dst = append(dst, o.full...)
	if len(o.tail) > 0 {
		dst = append(dst, Segment{o.tail, cap(o.tail) == segmentSize})
	}
	clear(o.full)
	o.full, o.tail, o.size = o.full[:0], nil, 0
	return dst
}

// drop forgets everything.
func (o *outbox) drop() { *o = outbox{} }
