package segment

import "encoding/binary"

const (
	blockBytes  = 32 << 10 // about how many bytes of records a block has
	largeRecord = 16 << 10 // bytes of a record that has a block of its own, so that the index knows its size
)

// Batch is what is written together. The zero value is empty.
type Batch struct {
	buf    []byte
	blocks []place
}

// place is a block in a batch.
type place struct {
	header
	at int // of its header in buf
}

// Reset empties b. It keeps its memory unless that is much.
func (b *Batch) Reset() {
	if cap(b.buf) > maxKept {
		b.buf = nil
	}
	b.buf, b.blocks = b.buf[:0], b.blocks[:0]
}

// maxKept is how many bytes of memory a batch keeps.
const maxKept = 8 << 20

// Empty says whether there is nothing in b.
func (b *Batch) Empty() bool { return len(b.blocks) == 0 }

// Len is how many bytes b takes in a file.
func (b *Batch) Len() int { return len(b.buf) }

func (b *Batch) open(h header) {
	b.blocks = append(b.blocks, place{header: h, at: len(b.buf)})
	b.buf = append(b.buf, make([]byte, headerSize)...)
}

// Pairs adds what a commit changes beside records; number is one more than that of the Pairs before.
func (b *Batch) Pairs(number uint64, data []byte) {
	b.open(header{kind: kindPairs, first: number})
	b.buf = append(b.buf, data...)
}

// Record adds a record of a partition: its number is one more than that of the record before it there. It is copied.
// Records of a partition should come one after the other.
func (b *Batch) Record(part int, seq uint64, rec []byte) {
	n := len(b.blocks)
	if n == 0 || len(rec) >= largeRecord || !b.takes(&b.blocks[n-1], part) {
		b.open(header{kind: kindRecords, part: byte(part), first: seq})
		n++
	}
	b.buf = append(binary.AppendUvarint(b.buf, uint64(len(rec))), rec...)
	b.blocks[n-1].count++
}

// copy adds a block of another file; b is all of it.
func (b *Batch) copy(h header, block []byte) {
	b.open(header{kind: h.kind, part: h.part, count: h.count, first: h.first})
	b.buf = append(b.buf, block[headerSize:]...)
}

// takes says whether another record of a partition, which is not large, may go into the last block.
func (b *Batch) takes(last *place, part int) bool {
	size := len(b.buf) - last.at - headerSize
	return last.kind == kindRecords && last.part == byte(part) && size < blockBytes && (last.count > 1 || size < largeRecord)
}

// seal finishes the blocks, which are to be in the file with an id, of which so many bytes are synced.
func (b *Batch) seal(id, synced uint32) {
	for i := range b.blocks {
		p, end := &b.blocks[i], len(b.buf)
		if i+1 < len(b.blocks) {
			end = b.blocks[i+1].at
		} else {
			p.flags |= flagEnd
		}
		p.length, p.synced, p.id = uint32(end-p.at-headerSize), synced, id
		p.put(b.buf[p.at:end])
	}
}
