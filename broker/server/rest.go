package server

import (
	"errors"

	"github.com/dunlin-mqtt/dunlin/broker/poll"
)

// A connection that is watched has a goroutine while there is something to read, and rests else. conn.turn says which: who is told
// that something has come while a goroutine reads has that look once more, so nothing that comes is overlooked.
const (
	reading      uint32 = iota // a goroutine reads
	readingAgain               // and looks once more before it stops
	resting                    // no goroutine has the connection
)

// errResting says that the connection is not the caller's any more.
var errResting = errors.New("the connection rests")

// watch has the connection told when there is something to read, if that is possible.
func (c *conn) watch() {
	if c.srv.poller == nil {
		return
	}
	_ = c.raw.Control(func(fd uintptr) {
		c.fd = int(fd)
		c.watched = c.srv.poller.Add(c.fd, c) == nil
	}) // else it waits for itself
}

// unwatch is called before the connection is closed.
func (c *conn) unwatch() {
	if c.watched {
		c.srv.poller.Remove(c.fd, c)
	}
}

// Readable implements poll.Socket.
func (c *conn) Readable(over bool) {
	if over {
		c.over.Store(true)
	}
	c.wake()
}

// wake has the reader look whether there is something to read, or why there will be nothing. It does not wait.
func (c *conn) wake() {
	for {
		turn := c.turn.Load()
		switch {
		case turn == readingAgain:
			return
		case turn == reading && c.turn.CompareAndSwap(reading, readingAgain):
			return
		case turn == resting && c.turn.CompareAndSwap(resting, reading):
			c.srv.workers.run(c)
			return
		}
	}
}

// rest ends the caller's reading. If it is false, something may have come meanwhile, and the caller is to go on.
func (c *conn) rest() bool {
	if c.turn.CompareAndSwap(reading, resting) {
		return true
	}
	c.turn.Store(reading)
	return false
}

// beginWaiting makes what connections wait by, if there will be any.
func (s *Server) beginWaiting() (err error) {
	if len(s.cfg.Listeners) == 0 {
		return nil
	}
	if err = s.turns.begin(); err != nil {
		return err
	}
	if s.poller, err = poll.New(); errors.Is(err, poll.ErrUnsupported) {
		return nil
	}
	return err
}

// endWaiting is called when there is no connection any more.
func (s *Server) endWaiting() {
	if s.poller != nil {
		_ = s.poller.Close() // it held nothing
	}
	s.turns.close()
	s.workers.stop()
}
