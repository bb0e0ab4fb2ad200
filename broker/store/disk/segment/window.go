package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// windowBytes is how much is read at once.
const windowBytes = 64 << 10

// window is a piece of a file in memory.
type window struct {
	buf []byte
	at  int64 // where it begins in the file
}

// bytes returns n bytes from an offset on, which are valid until the next call. Nothing is read from limit on; what
// ends before is errEnds.
func (w *window) bytes(f vfs.File, offset int64, n int, limit int64) ([]byte, error) {
	if offset >= w.at && offset+int64(n) <= w.at+int64(len(w.buf)) {
		from := int(offset - w.at)
		return w.buf[from : from+n : from+n], nil
	}
	if offset+int64(n) > limit {
		return nil, errEnds
	}
	size := int(min(int64(max(n, windowBytes)), limit-offset))
	if cap(w.buf) < size {
		w.buf = make([]byte, max(size, windowBytes))
	}
	got, err := f.ReadAt(w.buf[:size], offset)
	w.buf, w.at = w.buf[:got], offset
	if got < n {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, errEnds
		}
		return nil, fmt.Errorf("read: %w", err)
	}
	return w.buf[:n:n], nil
}

// block returns the block at an offset of the file with an id, checked; b is all of it.
func (w *window) block(f vfs.File, id uint32, offset, limit int64) (h header, b []byte, err error) {
	if b, err = w.bytes(f, offset, headerSize, limit); err != nil {
		return h, nil, err
	}
	if err = h.parse(b, id); err != nil {
		return h, nil, err
	}
	if offset+h.size() > limit {
		return h, nil, errEnds
	}
	if b, err = w.bytes(f, offset, int(h.size()), limit); err != nil {
		return h, nil, err
	}
	return h, b, h.check(b)
}
