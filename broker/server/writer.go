package server

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

const (
	goodbyeTimeout = time.Second // for a last packet to leave
	gatherBuffer   = 16 << 10    // bytes of segments that are put together: as many as a TLS record has at most
)

var gatherPool = sync.Pool{New: func() any { return new([gatherBuffer]byte) }}

// writer writes what a session's outbox holds. Whoever made the outbox non-empty flushes it: on
// plain TCP that goroutine writes itself, without blocking; what the socket does not take is left
// to a goroutine that lives until the outbox is empty. All but blocked and drained belong to
// whoever has the session's right to write, but for failed.
type writer struct {
	c       *conn
	segs    []session.Segment
	iov     [][]byte // the segments' bytes; from next on they are not written yet
	next    int
	err     error
	blocked atomic.Bool
	failed  atomic.Bool
	drained chan struct{} // gets a token when the outbox has been taken, the socket is full, or it has failed
	tryNow  func(fd uintptr) bool
	tryWait func(fd uintptr) bool
}

func (w *writer) init(c *conn) {
	w.c = c
	w.drained = make(chan struct{}, 1)
	w.tryNow = func(fd uintptr) bool { w.writeSome(fd); return true }
	w.tryWait = func(fd uintptr) bool {
		w.writeSome(fd)
		done := w.written() || w.err != nil
		w.blocked.Store(!done)
		return done
	}
}

// Flush writes what waits, as far as that goes without blocking, and sees to it that the rest follows.
func (c *conn) Flush() {
	if !c.sess.Begin(c) {
		return
	}
	if c.layer != nil {
		c.started.start(c.out.runBlocking)
		return
	}
	c.out.run()
}

// run writes until the outbox is empty or the socket is full.
func (w *writer) run() {
	for w.take() {
		if err := w.c.raw.Write(w.tryNow); err != nil || w.err != nil {
			w.fail()
			return
		}
		if !w.written() {
			w.blocked.Store(true)
			w.signal()
			w.c.started.start(w.runBlocking)
			return
		}
		w.recycle()
	}
	w.empty()
}

// runBlocking writes until the outbox is empty, waiting for the socket where it must.
func (w *writer) runBlocking() {
	for !w.written() || w.take() {
		if w.c.layer == nil {
			if err := w.c.raw.Write(w.tryWait); err != nil && w.err == nil {
				w.err = err
			}
		} else {
			w.writeStream()
		}
		if w.err != nil {
			w.fail()
			return
		}
		w.recycle()
	}
	w.empty()
}

// take gets the next segments from the session.
func (w *writer) take() bool {
	segs, ok := w.c.sess.Take(w.c, w.c.srv.now, w.segs[:0])
	if !ok {
		return false // and w belongs to somebody else by now
	}
	w.segs = segs
	if w.c.srv.tracer.On() {
		w.traceOut()
	}
	w.signal()
	w.iov, w.next = w.iov[:0], 0
	for i := range w.segs {
		w.iov = append(w.iov, w.segs[i].Bytes)
	}
	return true
}

// written says whether everything taken has been written.
func (w *writer) written() bool { return w.next == len(w.iov) }

// writeSome writes until everything is written, the socket is full, or it fails.
func (w *writer) writeSome(fd uintptr) {
	for !w.written() {
		var n int
		var err error
		if left := w.iov[w.next:]; len(left) == 1 {
			n, err = listener.WriteNow(fd, left[0])
		} else {
			n, err = listener.WritevNow(fd, left)
		}
		switch {
		case err == syscall.EAGAIN:
			return
		case err != nil:
			w.err = err
			return
		}
		w.advance(n)
	}
}

func (w *writer) advance(n int) {
	for !w.written() && n >= len(w.iov[w.next]) {
		n -= len(w.iov[w.next])
		w.next++
	}
	if n > 0 {
		w.iov[w.next] = w.iov[w.next][n:]
	}
}

// writeStream writes what is taken through TLS or WebSocket, where each write is a record or a frame and a system call:
// segments leave together.
func (w *writer) writeStream() {
	buf := gatherPool.Get().(*[gatherBuffer]byte)
	defer gatherPool.Put(buf)
	for !w.written() && w.err == nil {
		n := 0
		for !w.written() && n+len(w.iov[w.next]) <= gatherBuffer {
			n += copy(buf[n:], w.iov[w.next])
			w.next++
		}
		together := buf[:n]
		if n == 0 { // it is larger than that
			together = w.iov[w.next]
			w.next++
		}
		_, w.err = w.c.nc.Write(together)
	}
}

func (w *writer) recycle() {
	for i := range w.segs {
		w.segs[i].Recycle()
	}
	clear(w.iov)
	if cap(w.segs) > 8 {
		w.segs, w.iov, w.next = nil, nil, 0
	}
}

// fail ends the connection. The right to write is kept, so that nobody else tries.
func (w *writer) fail() {
	w.failed.Store(true)
	w.c.lost()
	w.signal()
}

// empty tells those who wait for room.
func (w *writer) empty() {
	w.signal()
	w.c.refill() // also: what has expired instead of being sent
}

func (w *writer) signal() {
	select {
	case w.drained <- struct{}{}:
	default:
	}
}

// waitForRoom blocks the reader while the client does not read what it has asked for.
func (w *writer) waitForRoom() error {
	for {
		if bytes, _ := w.c.sess.Backlog(); bytes <= w.c.srv.limits.MaxOutbound && !w.failed.Load() {
			return nil
		}
		if w.c.gone() { // who kicks later signals
			return errGone
		}
		<-w.drained
	}
}

// finish writes a last packet, if the socket takes it within a moment.
func (w *writer) finish(last []byte) {
	w.c.srv.countSent(last)
	if s := w.c.sess.Last(w.c, last); s != nil {
		s.Flush()
	}
	timeout := time.NewTimer(goodbyeTimeout)
	defer timeout.Stop()
	for !w.c.sess.Idle(w.c) && !w.blocked.Load() && !w.failed.Load() {
		select {
		case <-w.drained:
		case <-timeout.C:
			return
		}
	}
}
