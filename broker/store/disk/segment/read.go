package segment

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Reader reads records of one partition. One goroutine at a time may use it.
type Reader struct {
	log  *Log
	part int

	file   *file // that is read; nil: none
	open   vfs.File
	window window
	next   int64 // offset of the block after the one that is read
	limit  int64 // and from where on nothing is read

	seq, last uint64 // numbers of the next record of the block, and of that after its last
	body      []byte // that is left of it
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// Reader returns a reader of a partition. It is to be closed.
func (l *Log) Reader(part int) *Reader {
	r := readers.Get().(*Reader)
	*r = Reader{log: l, part: part, window: window{buf: r.window.buf[:0]}}
	return r
}

// Close gives r up.
func (r *Reader) Close() {
	r.leave()
	if r.log = nil; cap(r.window.buf) <= 4*windowBytes {
		readers.Put(r)
	}
}

func (r *Reader) leave() {
	if r.open != nil {
		_ = r.open.Close() // it was only read
	}
	r.file, r.open, r.seq, r.last = nil, nil, 0, 0
	r.window.buf, r.window.at = r.window.buf[:0], 0
}

// Next returns the next record with a number from from on, which is valid until the next call; nil: there is none. Reading in
// order is cheapest.
func (r *Reader) Next(from uint64) (seq uint64, rec []byte, err error) {
	if r.seq > from {
		r.leave() // going back
	}
	for {
		for r.seq < r.last {
			rec, n, err := record(r.body)
			if err != nil {
				return 0, nil, damage(r.file.path, r.next, err)
			}
			seq, r.body = r.seq, r.body[n:]
			if r.seq++; seq >= from {
				return seq, rec, nil
			}
		}
		found, err := r.nextBlock(from)
		if err != nil {
			return 0, nil, err
		}
		if !found {
			return 0, nil, nil
		}
	}
}

// Get returns the record with a number, which is valid until the next call; nil: it is not there.
func (r *Reader) Get(seq uint64) (rec []byte, err error) {
	if seq < r.seq || seq >= r.last {
		if f, _, _, found := r.log.find(r.part, seq); f == nil || found != seq {
			return nil, nil
		}
	}
	_, rec, err = r.Next(seq)
	return rec, err
}

// nextBlock goes to the block that has the record, or to the next that there is.
func (r *Reader) nextBlock(from uint64) (found bool, err error) {
	for {
		f, at, limit, seq := r.log.find(r.part, from)
		if f == nil {
			return false, nil
		}
		if f != r.file {
			r.leave()
			switch r.open, err = r.log.opts.FS.Open(f.path); {
			case errors.Is(err, os.ErrNotExist):
				if again, _, _, _ := r.log.find(r.part, from); again != f {
					continue // it has been removed in this moment
				}
				return false, damage(f.path, 0, err)
			case err != nil:
				return false, fmt.Errorf("open %s: %w", f.path, err)
			}
			r.file, r.next = f, at
		}
		r.next, r.limit = max(r.next, at), limit
		return true, r.seek(max(from, seq))
	}
}

// seek goes to the block that has a record which is in the file. Only the header of those before it is read.
func (r *Reader) seek(seq uint64) error {
	for r.next < r.limit {
		b, err := r.window.bytes(r.open, r.next, headerSize, r.limit)
		if err != nil {
			return r.failed(err)
		}
		var h header
		if err := h.parse(b, r.file.id); err != nil {
			return r.failed(err)
		}
		if h.kind != kindRecords || int(h.part) != r.part || seq >= h.first+uint64(h.count) {
			r.next += h.size()
			continue
		}
		h, b, err = r.window.block(r.open, r.file.id, r.next, r.limit)
		if err != nil {
			return r.failed(err)
		}
		if h.first > seq { // the header of its block was passed over, unchecked
			return r.failed(errPassed)
		}
		r.seq, r.last, r.body = h.first, h.first+uint64(h.count), b[headerSize:]
		r.next += h.size()
		return nil
	}
	return r.failed(errEnds)
}

func (r *Reader) failed(err error) error {
	if isInvalid(err) {
		return damage(r.file.path, r.next, err)
	}
	return fmt.Errorf("read %s: %w", r.file.path, err)
}

// find returns the file that has the record of a partition, or the next that there is; an offset from which on its block is found, one
// at which to stop, and its number if from is not there. A nil file: there is none.
func (l *Log) find(part int, from uint64) (f *file, at, limit int64, seq uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := sort.Search(len(l.files), func(i int) bool { return l.files[i].parts[part].To > from })
	for i < len(l.files) && len(l.files[i].parts[part].places) == 0 {
		i++ // the file that had them has gone
	}
	if i == len(l.files) {
		return nil, 0, 0, 0
	}
	f = l.files[i]
	p := &f.parts[part]
	return f, p.from(from), f.end.Load(), max(from, p.From)
}
