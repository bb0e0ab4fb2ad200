package server

import "sync"

// idleWorkers is how many goroutines wait for work at most, each with some kilobytes of stack.
const idleWorkers = 128

// workers are the goroutines that handle what connections have to read. They are used again: their stacks have grown to what that
// takes, which costs microseconds in a new one. There are as many as connections have something to read, or wait for something else,
// at one time.
type workers struct {
	mu   sync.Mutex
	idle []*worker
	over bool // none waits any more
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
	w.mu.Unlock()
	last.next <- c
}

func (w *workers) work(c *conn) {
	self := &worker{next: make(chan *conn, 1)}
	for {
		c.live()
		w.mu.Lock()
		if w.over || len(w.idle) == idleWorkers {
			w.mu.Unlock()
			return
		}
		w.idle = append(w.idle, self)
		w.mu.Unlock()
		if c = <-self.next; c == nil {
			return
		}
	}
}

// stop ends those that have nothing to do, and each of the others when it has nothing to do.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, idle := range w.idle {
		close(idle.next)
	}
	w.idle = nil
}
