package server

import (
	"fmt"
	"os"
	"sync"
)

// turns lets clients that send little have theirs beside those that send without end. Go looks at the sockets when it has
// nothing else to run; readers that always find more to read would keep it from that, and others waiting, for up to 10
// milliseconds. So a reader that has filled its buffer waits for the sockets to be looked at: for one of them, a pipe that is
// readable already. That costs about 2 us for all who wait, beside a buffer of hundreds of messages.
type turns struct {
	near, far *os.File
	ended     chan struct{}

	mu      sync.Mutex
	waiting chan struct{} // closed when the sockets have been looked at; nil: nobody waits
	open    bool
}

// begin makes the pipe; nobody waits before.
func (t *turns) begin() (err error) {
	if t.near, t.far, err = os.Pipe(); err != nil {
		return fmt.Errorf("make a pipe for turns: %w", err)
	}
	t.ended, t.open = make(chan struct{}), true
	go t.run()
	return nil
}

// run ends when the pipe is closed.
func (t *turns) run() {
	defer close(t.ended)
	var b [1]byte
	for {
		_, err := t.near.Read(b[:])
		t.mu.Lock()
		if t.waiting != nil {
			close(t.waiting)
			t.waiting = nil
		}
		t.open = t.open && err == nil
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// wait returns when the sockets have been looked at.
func (t *turns) wait() {
	t.mu.Lock()
	if !t.open {
		t.mu.Unlock()
		return
	}
	first := t.waiting == nil
	if first {
		t.waiting = make(chan struct{})
	}
	waiting := t.waiting
	t.mu.Unlock()
	if first {
		if _, err := t.far.Write([]byte{0}); err != nil {
			return
		}
	}
	<-waiting
}

// close is called when nobody waits any more.
func (t *turns) close() {
	t.mu.Lock()
	was := t.open
	t.open = false
	t.mu.Unlock()
	if was {
		_ = t.far.Close() // what is in it was for nobody
		<-t.ended
		_ = t.near.Close()
	}
}
