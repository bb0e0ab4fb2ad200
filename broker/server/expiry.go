package server

import (
	"sync"
	"time"
)

// expiry has retained messages removed when they expire. The store knows which is next; a timer is
// set for it alone.
type expiry struct {
	srv *Server

	mu      sync.Mutex
	next    int64 // Unix milliseconds; 0: none
	timer   *time.Timer
	stopped bool
}

// retained is told of a retained message that expires then (Unix milliseconds; 0: never).
func (e *expiry) retained(expires int64) {
	if expires == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next == 0 || expires < e.next {
		e.set(expires)
	}
}

func (e *expiry) set(at int64) {
	if e.timer != nil {
		e.timer.Stop()
	}
	if e.next = at; at == 0 || e.stopped {
		return
	}
	due := time.UnixMilli(at).Sub(e.srv.now())
	e.timer = time.AfterFunc(max(due, 0), e.due)
}

// due removes what has expired.
func (e *expiry) due() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.stopped {
		e.set(e.srv.store.ExpireRetained(e.srv.now().UnixMilli()))
	}
}

func (e *expiry) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
	e.set(0)
}
