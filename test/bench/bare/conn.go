package main

import (
	"encoding/binary"
	"sync"
	"syscall"
)

// conn is the side of a client that is written to. Any reader's goroutine may queue on it.
type conn struct {
	raw syscall.RawConn

	mu   sync.Mutex
	out  []byte // packets that are not being written; nil: none
	due  bool   // a reader will flush it when its batch has been handled
	busy bool   // somebody writes
	id   uint16 // the last packet identifier
}

// buffers are what connections write from while they have something to write.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}

// mostKept is the capacity of the largest buffer that is used again, in bytes.
const mostKept = 1 << 20

// answer queues a packet of the client's own, and reports whether the caller has to flush. A buffer grows from nothing for it.
func (c *conn) answer(packet ...byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, packet...)
	return c.mark()
}

// publish queues a PUBLISH, and reports whether the caller has to flush.
func (c *conn) publish(name, payload []byte, qos byte) bool {
	length := 2 + len(name) + len(payload)
	if qos > 0 {
		length += 2
	}
	c.mu.Lock()
	if c.out == nil {
		c.out = (*buffers.Get().(*[]byte))[:0]
	}
	o := binary.AppendUvarint(append(c.out, publish<<4|qos<<1), uint64(length))
	o = append(binary.BigEndian.AppendUint16(o, uint16(len(name))), name...)
	if qos > 0 {
		if c.id++; c.id == 0 {
			c.id = 1
		}
		o = binary.BigEndian.AppendUint16(o, c.id)
	}
	c.out = append(o, payload...)
	first := c.mark()
	c.mu.Unlock()
	return first
}

// mark makes c due, and reports whether it was not; c.mu is held.
func (c *conn) mark() bool {
	first := !c.due
	c.due = true
	return first
}

// flush writes what is queued, unless somebody writes already, who then takes it along. Either way c is not due any more: whoever
// queues next must flush again.
func (c *conn) flush() {
	c.mu.Lock()
	c.due = false
	if c.busy || len(c.out) == 0 {
		c.mu.Unlock()
		return
	}
	c.busy = true
	b := c.out
	c.out = nil
	c.mu.Unlock()
	c.writeAll(b, false)
}

// writeAll writes b and what is queued meanwhile. It waits for a socket that takes no more only if it may; else a goroutine does,
// so that a reader never waits for another client.
func (c *conn) writeAll(b []byte, wait bool) {
	for b != nil {
		if n := c.write(b, wait); n < len(b) {
			go c.writeAll(b[n:], true)
			return
		}
		b = c.next(b)
	}
}

// write returns how much the socket has taken, or need not take any more because its client has gone.
func (c *conn) write(b []byte, wait bool) int {
	n := 0
	err := c.raw.Write(func(fd uintptr) bool {
		for n < len(b) {
			k, err := syscall.Write(int(fd), b[n:])
			switch err {
			case nil:
				n += k
			case syscall.EINTR:
			case syscall.EAGAIN:
				return !wait
			default:
				n = len(b)
			}
		}
		return true
	})
	if err != nil {
		return len(b) // closed
	}
	return n
}

// next gives back what has been written, and returns what has been queued meanwhile; nil: nothing, and nobody writes any more.
func (c *conn) next(written []byte) []byte {
	c.mu.Lock()
	b := c.out
	c.out = nil
	c.busy = b != nil
	c.mu.Unlock()
	if cap(written) <= mostKept {
		written = written[:0]
		buffers.Put(&written)
	}
	return b
}
