package main

import (
	"encoding/binary"
	"net"
	"sync"
	"syscall"
)

// Packet types (MQTT 3.1.1 §2.2.1) that a relay knows.
const (
	connect   = 1
	connack   = 2
	publish   = 3
	puback    = 4
	subscribe = 8
	suback    = 9
	pingreq   = 12
	pingresp  = 13
)

// reads are what is read into. A packet must fit into one.
var reads = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// reader is the side of a client that is read from.
type reader struct {
	relay *relay
	conn  *conn
	left  []byte  // the beginning of a packet
	due   []*conn // to be flushed when the batch has been handled
}

// read serves a client until it leaves, or sends what a relay has no use for. The last buffer is left to the garbage collector.
func (r *relay) read(c *net.TCPConn) {
	defer func() { _ = c.Close() }() // its end is what counts
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	in := &reader{relay: r, conn: &conn{raw: raw}}
	for {
		buf, n := in.wait()
		if n == 0 {
			return
		}
		rest, ok := in.handleAll((*buf)[:n])
		if in.left = append(in.left[:0], rest...); ok {
			reads.Put(buf)
		}
		for _, d := range in.due {
			d.flush()
		}
		in.due = in.due[:0]
		if !ok {
			return
		}
	}
}

// wait returns a buffer with what was left and what has come, and how much that is; 0 at the end. No buffer is held while
// nothing comes.
func (in *reader) wait() (buf *[]byte, n int) {
	err := in.conn.raw.Read(func(fd uintptr) bool {
		buf = reads.Get().(*[]byte)
		k := copy(*buf, in.left)
		for {
			more, err := syscall.Read(int(fd), (*buf)[k:])
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
				reads.Put(buf)
				return false
			case err == nil && more > 0: // 0: the client has gone, or its packet is too long
				n = k + more
			}
			return true
		}
	})
	if err != nil {
		return nil, 0
	}
	return buf, n
}

// handleAll handles the whole packets of b and returns the rest; ok: the connection goes on.
func (in *reader) handleAll(b []byte) (rest []byte, ok bool) {
	for len(b) > 1 {
		length, size := binary.Uvarint(b[1:])
		if size < 0 || size > 4 || size == 0 && len(b) > 4 {
			return nil, false
		}
		end := 1 + size + int(length)
		if size == 0 || end > len(b) {
			break
		}
		if !in.handle(b[0], b[1+size:end]) {
			return nil, false
		}
		b = b[end:]
	}
	return b, true
}

// handle reports whether the connection goes on.
func (in *reader) handle(first byte, body []byte) bool {
	switch first >> 4 {
	case connect:
		in.answer(connack<<4, 2, 0, 0)
		return true
	case publish:
		return in.publish(first>>1&3, body)
	case subscribe:
		return in.subscribe(body)
	case pingreq:
		in.answer(pingresp<<4, 0)
		return true
	}
	return first>>4 == puback
}

func (in *reader) answer(packet ...byte) {
	if in.conn.answer(packet...) {
		in.due = append(in.due, in.conn)
	}
}

func (in *reader) publish(qos byte, body []byte) bool {
	name, rest, ok := text(body)
	if !ok || qos > 1 || qos == 1 && len(rest) < 2 {
		return false
	}
	if qos == 1 {
		in.answer(puback<<4, 2, rest[0], rest[1])
		rest = rest[2:]
	}
	in.due = in.relay.publish(in.due, name, rest, qos)
	return true
}

func (in *reader) subscribe(body []byte) bool {
	if len(body) < 2 {
		return false
	}
	codes := []byte{body[0], body[1]}
	for rest := body[2:]; len(rest) > 0; {
		filter, after, ok := text(rest)
		if !ok || len(after) == 0 {
			return false
		}
		code := min(after[0], 1)
		if !in.relay.subscribe(filter, subscription{in.conn, code}) {
			code = 0x80
		}
		codes, rest = append(codes, code), after[1:]
	}
	in.answer(append(binary.AppendUvarint([]byte{suback << 4}, uint64(len(codes))), codes...)...)
	return true
}

// text is the string that b begins with (§1.5.3), and what follows.
func text(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return nil, nil, false
	}
	return b[2:n], b[n:], true
}
