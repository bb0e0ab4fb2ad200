package disk

import "sync"

const (
	burstRecords = 256
	burstBytes   = 64 << 10
)

// burst is what is read in one hold of the database: a few records or pairs, copied.
type burst struct {
	buf   []byte
	spans []span
}

// span is where a key and its value are in buf, and the number that goes with them.
type span struct {
	key, value, end int
	number          uint64
}

var bursts = sync.Pool{New: func() any { return &burst{spans: make([]span, 0, burstRecords)} }}

func newBurst() *burst { return bursts.Get().(*burst) }

// free gives b back, unless it has become large.
func (b *burst) free() {
	if cap(b.buf) <= 4*burstBytes {
		bursts.Put(b)
	}
}

func (b *burst) reset()     { b.buf, b.spans = b.buf[:0], b.spans[:0] }
func (b *burst) len() int   { return len(b.spans) }
func (b *burst) full() bool { return len(b.spans) >= burstRecords || len(b.buf) >= burstBytes }

func (b *burst) add(key, value []byte, number uint64) {
	s := span{key: len(b.buf), value: len(b.buf) + len(key), number: number}
	b.buf = append(append(b.buf, key...), value...)
	s.end = len(b.buf)
	b.spans = append(b.spans, s)
}

func (b *burst) at(i int) (key, value []byte, number uint64) {
	s := &b.spans[i]
	return b.buf[s.key:s.value:s.value], b.buf[s.value:s.end:s.end], s.number
}
