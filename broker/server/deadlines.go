package server

import (
	"container/heap"
	"sync"
	"time"
)

// dated is what has a deadline. slot is its place in deadlines, from 1 on, guarded by those; 0: none. due is called, in
// some goroutine and without a lock, when its time has come, with the time (Unix milliseconds).
type dated interface {
	slot() *int32
	due(now int64)
}

// deadlines says when something is to happen: to clients that are away, whose will is due or whose session expires, and
// to readers that pause. Each has one deadline at most, the next. One timer serves them all.
type deadlines[T dated] struct {
	now  func() time.Time
	lazy bool // deadlines are taken back all the time: the timer stays, and may come for nothing

	mu      sync.Mutex
	heap    deadlineHeap[T]
	timer   *time.Timer
	set     int64 // what the timer is set to, in Unix milliseconds
	stopped bool
}

// deadlineHeap is a heap by time. Who is in it knows the place.
type deadlineHeap[T dated] []deadline[T]

type deadline[T dated] struct {
	at  int64 // Unix milliseconds
	who T
}

// put makes at (Unix milliseconds) who's deadline, in place of another; 0: it has none.
func (d *deadlines[T]) put(who T, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch i := int(*who.slot()) - 1; {
	case i < 0 && at != 0:
		heap.Push(&d.heap, deadline[T]{at, who})
	case i >= 0 && at == 0:
		heap.Remove(&d.heap, i)
	case i >= 0:
		d.heap[i].at = at
		heap.Fix(&d.heap, i)
	}
	d.arm()
}

// arm sets the timer to the first deadline. mu is held.
func (d *deadlines[T]) arm() {
	if d.stopped || len(d.heap) == 0 {
		return
	}
	if first := d.heap[0].at; d.timer != nil && (d.set == first || d.lazy && d.set < first) {
		return
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.set = d.heap[0].at
	d.timer = time.AfterFunc(max(0, time.UnixMilli(d.set).Sub(d.now())), d.fire)
}

// fire tells those whose deadlines have come, without the lock.
func (d *deadlines[T]) fire() {
	now := d.now().UnixMilli()
	d.mu.Lock()
	var due []T
	for !d.stopped && len(d.heap) > 0 && d.heap[0].at <= now {
		due = append(due, heap.Pop(&d.heap).(deadline[T]).who)
	}
	d.timer = nil
	d.arm()
	d.mu.Unlock()
	for _, who := range due {
		who.due(now)
	}
}

func (d *deadlines[T]) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped = true; d.timer != nil {
		d.timer.Stop()
	}
}

// Len implements heap.Interface.
func (h deadlineHeap[T]) Len() int { return len(h) }

// Less implements heap.Interface.
func (h deadlineHeap[T]) Less(i, j int) bool { return h[i].at < h[j].at }

// Swap implements heap.Interface.
func (h deadlineHeap[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	*h[i].who.slot(), *h[j].who.slot() = int32(i+1), int32(j+1)
}

// Push implements heap.Interface.
func (h *deadlineHeap[T]) Push(x any) {
	next := x.(deadline[T])
	*h = append(*h, next)
	*next.who.slot() = int32(len(*h))
}

// Pop implements heap.Interface.
func (h *deadlineHeap[T]) Pop() any {
	last := len(*h) - 1
	out := (*h)[last]
	(*h)[last] = deadline[T]{}
	*h = (*h)[:last]
	*out.who.slot() = 0
	return out
}
