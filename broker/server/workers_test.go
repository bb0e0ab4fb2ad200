package server

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWorkers: goroutines are used again while they are needed, end when they are not, and none is left after stop.
func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w workers
		idle := func() int {
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			return len(w.idle)
		}
		self := make([]*worker, 5)
		for i := range self {
			self[i] = &worker{next: make(chan *conn, 1)}
			if !w.rest(self[i]) {
				t.Fatal("a worker is one too many")
			}
		}
		for range 4 { // one of them is needed again and again
			time.Sleep(workersLook / 2)
			w.run(&conn{})
			if c := <-self[4].next; c == nil {
				t.Fatal("the one that was used last is not used first")
			}
			w.rest(self[4])
		}
		if got := idle(); got != 1 {
			t.Errorf("%d wait, and one is needed", got)
		}
		for _, ended := range self[:4] {
			if _, open := <-ended.next; open {
				t.Error("one that is not needed goes on")
			}
		}
		time.Sleep(2 * workersLook)
		if got := idle(); got != 0 || w.timer != nil {
			t.Errorf("%d wait for nothing, timer %v", got, w.timer)
		}
		w.rest(&worker{next: make(chan *conn, 1)})
		w.stop()
		if w.rest(&worker{next: make(chan *conn, 1)}) || idle() != 0 {
			t.Error("one waits after stop")
		}
	})
}
