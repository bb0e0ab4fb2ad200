package segment

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A block is a header and a body. Integers of the header are big-endian.
//
//	crc(4)     CRC-32C of the rest of the header and the body
//	length(4)  of the body, in bytes
//	magic(1) kind(1) part(1) flags(1)
//	count(4)   records in the body; head: how many bytes at the end of the file before are an index that may be missing
//	first(8)   head: where the file before ends, 0: there is none; records: number of the first; pairs: their number
//	synced(4)  so many bytes of the file were on the disk when the block was written
//	id(4)      of the file, chosen at random: nobody can publish what looks like a block
const (
	headerSize = 32
	magic      = 0xD7

	flagEnd = 1 // the last of its commit

	anyFile = 0 // no file's id
)

// kind is what a block has. The numbers are the on-disk format.
type kind byte

const (
	kindHead    kind = 1
	kindRecords kind = 2 // of one partition, with consecutive numbers: the length of each as a varint, and the record
	kindPairs   kind = 3
	kindIndex   kind = 4
)

type header struct {
	crc, length uint32
	kind        kind
	part, flags byte
	count       uint32
	first       uint64
	synced      uint32
	id          uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// put encodes h with the checksum of it and what follows it in b, which has the header's room and the body.
func (h *header) put(b []byte) {
	binary.BigEndian.PutUint32(b[4:], h.length)
	b[8], b[9], b[10], b[11] = magic, byte(h.kind), h.part, h.flags
	binary.BigEndian.PutUint32(b[12:], h.count)
	binary.BigEndian.PutUint64(b[16:], h.first)
	binary.BigEndian.PutUint32(b[24:], h.synced)
	binary.BigEndian.PutUint32(b[28:], h.id)
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
}

// parse decodes the header of a block of the file with an id, or of any if that is anyFile. Its checksum is not looked at.
func (h *header) parse(b []byte, id uint32) error {
	found := binary.BigEndian.Uint32(b[28:])
	if b[8] != magic || found != id && id != anyFile {
		return errNoBlock
	}
	*h = header{
		crc: binary.BigEndian.Uint32(b), length: binary.BigEndian.Uint32(b[4:]),
		kind: kind(b[9]), part: b[10], flags: b[11], count: binary.BigEndian.Uint32(b[12:]),
		first: binary.BigEndian.Uint64(b[16:]), synced: binary.BigEndian.Uint32(b[24:]), id: found,
	}
	return nil
}

// check compares the checksum with that of b, the whole block.
func (h *header) check(b []byte) error {
	if crc32.Checksum(b[4:], castagnoli) != h.crc {
		return errChecksum
	}
	return nil
}

// size is that of the whole block, in bytes.
func (h *header) size() int64 { return headerSize + int64(h.length) }

// record is the first record in a body, and how many bytes it takes there.
func record(body []byte) (rec []byte, n int, err error) {
	size, n := binary.Uvarint(body)
	if n <= 0 || size > uint64(len(body)-n) {
		return nil, 0, errors.New("a record is longer than its block")
	}
	end := n + int(size)
	return body[n:end:end], end, nil
}
