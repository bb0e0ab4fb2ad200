package server

import (
	"errors"
	"sync"
	"syscall"

	"github.com/dunlin-mqtt/dunlin/broker/listener"
)

// readBuffer is the size of a pooled read buffer.
const readBuffer = 64 << 10

var readPool = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// reader reads a connection. It borrows a buffer when the socket is readable, so that an idle connection holds none.
type reader struct {
	c       *conn
	rest    []byte // the beginning of a packet that is not whole yet
	wanted  int    // the size of that packet; 0: not known yet
	again   bool   // rest has not been looked at: the next read is of it alone
	patient bool   // it waits, though the connection is watched: CONNECT has not come yet

	borrowed *[readBuffer]byte
	n        int  // bytes in the buffer
	drained  bool // the last read found all that there was: who is watched need not read again to know
	err      error
	readable func(fd uintptr) bool // made once: a closure a read would be an allocation a read
}

func (r *reader) init(c *conn) {
	r.c, r.patient = c, true
	r.readable = r.readNow
}

// errNothing says that there is nothing to read on a connection that is watched.
var errNothing = errors.New("nothing to read")

// next returns what there is to read behind what was left over. The slice is valid until consumed. Where there is nothing it
// waits, or the error is errNothing.
func (r *reader) next() ([]byte, error) {
	r.drained = false
	if r.again {
		r.again = false
		if len(r.rest) > 0 {
			return r.rest, nil
		}
	}
	if r.wanted > readBuffer {
		return r.nextOfLarge()
	}
	if err := r.c.raw.Read(r.readable); err != nil {
		return nil, err
	}
	if r.err != nil {
		r.giveBack()
		return nil, r.err
	}
	return r.borrowed[:r.n], nil
}

// readNow reads once without blocking; false: the caller is to wait until there is something.
func (r *reader) readNow(fd uintptr) bool {
	r.borrowed = readPool.Get().(*[readBuffer]byte)
	k := copy(r.borrowed[:], r.rest)
	n, err := r.read(fd, r.borrowed[k:])
	if err == syscall.EAGAIN {
		r.giveBack()
		r.err = errNothing
		return r.c.watched && !r.patient
	}
	r.n, r.err = k+n, err
	r.drained = r.c.watched && r.c.layer == nil && k+n < readBuffer
	return true
}

func (r *reader) read(fd uintptr, p []byte) (int, error) {
	if r.c.layer != nil {
		return r.c.layer.ReadNow(fd, p)
	}
	return listener.ReadNow(fd, p)
}

// nextOfLarge reads into rest, which grows as bytes come, not as the peer promises.
func (r *reader) nextOfLarge() ([]byte, error) {
	if len(r.rest) == cap(r.rest) {
		grown := make([]byte, len(r.rest), min(r.wanted, max(2*cap(r.rest), readBuffer)))
		copy(grown, r.rest)
		r.rest = grown
	}
	n, err := r.c.nc.Read(r.rest[len(r.rest):cap(r.rest)])
	if n == 0 && err != nil {
		return nil, err
	}
	r.rest = r.rest[:len(r.rest)+n]
	return r.rest, nil
}

// filled says whether the last read has filled a whole buffer: there is more to read, most likely.
func (r *reader) filled() bool { return r.n == readBuffer }

// need says how large the packet is that the data ends in the middle of; 0: not known.
func (r *reader) need(size int) { r.wanted = size }

// consumed gives the buffer back and keeps what of data follows the first used bytes.
func (r *reader) consumed(data []byte, used int) {
	left := data[used:]
	if used == 0 && len(left) == len(r.rest) && len(left) > 0 && &left[0] == &r.rest[0] {
		return // rest itself, still not whole
	}
	if len(left) == 0 {
		r.wanted = 0
	}
	if cap(r.rest) > 1024 && len(left) <= 1024 {
		r.rest = nil
	}
	r.rest = append(r.rest[:0], left...)
	r.giveBack()
}

func (r *reader) giveBack() {
	if r.borrowed != nil {
		readPool.Put(r.borrowed)
		r.borrowed = nil
	}
}
