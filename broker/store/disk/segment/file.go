package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Ext is what the names of files end with.
const Ext = ".seg"

// file is a file of the log.
type file struct {
	number uint64
	path   string
	id     uint32
	before int64 // where the file before it ends
	loose  int64 // bytes at that end that are an index and may be missing
	index        // of what is before end
	end    atomic.Int64
	proven int64 // of what was found in it, so many bytes had been synced
	offset int64 // of the index that it ends with; 0: there is none
	sealed bool  // that is known to be on the disk
}

func pathOf(fs vfs.FS, dir string, number uint64) string {
	return fs.PathJoin(dir, fmt.Sprintf("%012d", number)+Ext)
}

// list are the numbers of the files in folder dir; they ascend.
func list(fs vfs.FS, dir string) (numbers []uint64, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list folder %s: %w", dir, err)
	}
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, Ext)
		if n, err := strconv.ParseUint(digits, 10, 63); ok && err == nil && pathOf(fs, dir, n) == fs.PathJoin(dir, name) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// readHead reads f's head.
func (f *file) readHead(r vfs.File, size int64) error {
	var w window
	h, _, err := w.block(r, anyFile, 0, size)
	if err == nil && h.kind != kindHead {
		err = errors.New("it does not begin with a head")
	}
	if err != nil {
		return err
	}
	f.id, f.before, f.loose = h.id, int64(h.first), int64(h.count)
	return nil
}

// A sealed file ends with its index's block and a trailer: the block's offset, and trailerMagic, 4 bytes each.
const (
	trailerSize  = 8
	trailerMagic = 0x44554E53
)

// readIndex reads the index that f ends with at an offset; ok is false if it does not end with one.
func (f *file) readIndex(r vfs.File, end int64) (ok bool, err error) {
	var w window
	b, err := w.bytes(r, end-trailerSize, trailerSize, end)
	if err != nil {
		return false, err
	}
	at := int64(binary.BigEndian.Uint32(b))
	if binary.BigEndian.Uint32(b[4:]) != trailerMagic || at < headerSize || at > end-trailerSize-headerSize {
		return false, nil
	}
	h, b, err := w.block(r, f.id, at, end)
	if err != nil || h.kind != kindIndex || at+h.size()+trailerSize != end {
		return false, nil //nolint:nilerr // then it is to be read as a whole, which says what is wrong
	}
	if err := f.parse(b[headerSize:], end); err != nil {
		return false, err
	}
	f.offset = at
	f.end.Store(end)
	return true, nil
}

// appendIndex appends the index's block, at an offset, and the trailer.
func (f *file) appendIndex(dst []byte, at, synced int64) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	dst = f.append(dst)
	h := header{kind: kindIndex, flags: flagEnd, length: uint32(len(dst) - from - headerSize), synced: uint32(synced), id: f.id}
	h.put(dst[from:])
	dst = binary.BigEndian.AppendUint32(dst, uint32(at))
	return binary.BigEndian.AppendUint32(dst, trailerMagic)
}
