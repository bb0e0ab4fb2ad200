package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// The format of the folder. What changes it gets a new number, and store.Partitions and store.PartitionOf are
// part of it. Integers are big-endian. Every value but that of the format is sealed: a CRC-32C of its key and itself first.
// Beside the database is the log of package segment: records, and as pairs the batches of the database in Pebble's encoding, each
// with "applied". What of them the database does not have yet when it is opened is applied to it then.
//
//	"applied"                     number(8) of the last pairs of the log that are in the database
//	'd' partition(1) number(8)    a chunk of holes
//	"format"                      the number of the format, in decimal
//	'l' partition(1) sequence(8)  a record that is not in the log, or not any more
//	'c' partition(1) key          a pair of a checkpoint
//	'm' partition(1)              at(8), what the checkpoint covers, and, unless it is 1, low(8), below which all is gone from the log
//	'r' topic                     expires(8), Unix milliseconds or 0, and a retained record
const (
	holesPrefix    = 'd'
	logPrefix      = 'l'
	pairPrefix     = 'c'
	statePrefix    = 'm'
	retainedPrefix = 'r'

	sealSize   = 4
	expirySize = 8
	logKeySize = 10
)

// formatNow is the number of the format.
var formatNow = 1 + len(migrations)

var (
	appliedKey = []byte("applied")
	formatKey  = []byte("format")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errDamaged = errors.New("its checksum is wrong: the disk returned something else than was written")
)

func logKey(dst []byte, part int, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, logPrefix, byte(part)), seq)
}

// logSeq is the sequence number in a logKey.
func logSeq(key []byte) (uint64, error) {
	if len(key) != logKeySize {
		return 0, fmt.Errorf("key %x is not that of a record", key)
	}
	return binary.BigEndian.Uint64(key[2:]), nil
}

func pairKey(dst []byte, part int, key string) []byte {
	return append(append(dst, pairPrefix, byte(part)), key...)
}

func stateKey(part int) []byte { return []byte{statePrefix, byte(part)} }

func retainedKey(dst []byte, topic string) []byte {
	return append(append(dst, retainedPrefix), topic...)
}

// after is the key that ends the range of all that begin with prefix.
func after(prefix ...byte) []byte {
	end := bytes.Clone(prefix)
	end[len(end)-1]++ // no prefix here ends with 0xFF
	return end
}

// seal puts the checksum of key and value before the value: dst is sealSize longer than value.
func seal(dst, key, value []byte) {
	copy(dst[sealSize:], value)
	binary.BigEndian.PutUint32(dst, checksum(key, dst[sealSize:]))
}

// unseal returns the value in a sealed one.
func unseal(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sealSize || binary.BigEndian.Uint32(sealed) != checksum(key, sealed[sealSize:]) {
		return nil, errDamaged
	}
	return sealed[sealSize:], nil
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func holesKey(part int, chunk uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{holesPrefix, byte(part)}, chunk)
}

// stored is what the database says of a partition.
type stored struct {
	at  uint64 // what the checkpoint covers; 0: there is none
	low uint64 // of the holes
}

func (s stored) encode() []byte {
	value := binary.BigEndian.AppendUint64(nil, s.at)
	if s.low > 1 {
		value = binary.BigEndian.AppendUint64(value, s.low)
	}
	return value
}

func decodeStored(value []byte) (s stored, err error) {
	s.low = 1
	switch len(value) {
	case 16:
		s.low = binary.BigEndian.Uint64(value[8:])
		fallthrough
	case 8:
		s.at = binary.BigEndian.Uint64(value)
	default:
		return s, fmt.Errorf("it has %d bytes, not 8 or 16", len(value))
	}
	return s, nil
}

// sealRetained puts r, sealed, in dst, which is sealSize+expirySize longer than the record.
func sealRetained(dst, key []byte, r *store.Retained) {
	binary.BigEndian.PutUint64(dst[sealSize:], uint64(r.Expires))
	copy(dst[sealSize+expirySize:], r.Record)
	binary.BigEndian.PutUint32(dst, checksum(key, dst[sealSize:]))
}

// unsealRetained returns the retained record in a sealed value. It shares its memory.
func unsealRetained(key, sealed []byte) (store.Retained, error) {
	value, err := unseal(key, sealed)
	if err == nil && len(value) < expirySize {
		err = fmt.Errorf("it has %d bytes, and %d at least are expected", len(value), expirySize)
	}
	if err != nil {
		return store.Retained{}, err
	}
	return store.Retained{
		Topic:   string(key[1:]),
		Record:  value[expirySize:],
		Expires: int64(binary.BigEndian.Uint64(value)),
	}, nil
}
