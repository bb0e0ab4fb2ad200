package server

import (
	"sync"
	"time"
)

const (
	idleWorkers = 128         // goroutines that wait for work at most, each with some kilobytes of stack
	workersLook = time.Second // how often it is looked how many of them have not been needed
)

// workers are the goroutines that let connections in and handle what they have to read. They are used again: their stacks have grown to
// what that takes, which costs microseconds in a new one. There are as many as connections have something to read, or wait for something else,
// at one time; those that have not been needed for a while end.
type workers struct {
	mu    sync.Mutex
	idle  []*worker   // the last is used first
	least int         // as few were idle since timer was set: so many have not been needed
	timer *time.Timer // nil: nobody is idle
	over  bool        // none waits any more
}

type worker struct{ next chan *conn }

// run has a goroutine handle what c has to read, and does not wait for it.
func (w *workers) run(c *conn) {
	w.mu.Lock()
	n := len(w.idle) - 1
	if n < 0 {
		w.mu.Unlock()
		go w.work(c)
		return
	}
	last := w.idle[n]
	w.idle[n], w.idle = nil, w.idle[:n]
	w.least = min(w.least, n)
	w.mu.Unlock()
	last.next <- c
}

func (w *workers) work(c *conn) {
	self := &worker{next: make(chan *conn, 1)}
	for c != nil {
		c.live()
		if !w.rest(self) {
			return
		}
		c = <-self.next
	}
}

// rest has a worker wait for its next connection; false: there are enough.
func (w *workers) rest(self *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || len(w.idle) == idleWorkers {
		return false
	}
	w.idle = append(w.idle, self)
	if w.timer == nil {
		w.least, w.timer = 0, time.AfterFunc(workersLook, w.trim)
	}
	return true
}

// trim ends those that have not been needed.
func (w *workers) trim() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end(w.least)
	if w.least = len(w.idle); w.least > 0 {
		w.timer.Reset(workersLook)
	} else {
		w.timer = nil
	}
}

// end ends the n that have waited longest. mu is held.
func (w *workers) end(n int) {
	for _, idle := range w.idle[:n] {
		close(idle.next)
	}
	left := copy(w.idle, w.idle[n:])
	clear(w.idle[left:])
	w.idle = w.idle[:left]
}

// stop ends those that have nothing to do, and each of the others when it has nothing to do.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over, w.least = true, 0
	w.end(len(w.idle))
	if w.timer != nil {
		w.timer.Stop()
	}
}
