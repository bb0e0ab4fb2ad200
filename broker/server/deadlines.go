package server

import (
	"container/heap"
	"sync"
	"time"
)

// deadlines says when something is to happen to clients that are away: a will is due, or the session
// expires. A client has one deadline at most, the next. One timer serves them all.
type deadlines struct {
	now func() time.Time

	mu      sync.Mutex
	heap    deadlineHeap
	timer   *time.Timer
	set     int64 // what the timer is set to, in Unix milliseconds
	stopped bool
}

// deadlineHeap is a heap by time. A client knows its place in it.
type deadlineHeap []deadline

type deadline struct {
	at     int64 // Unix milliseconds
	client *client
}

// put makes at (Unix milliseconds) the client's deadline, in place of another; 0: it has none.
func (d *deadlines) put(cl *client, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch i := int(cl.deadline) - 1; {
	case i < 0 && at != 0:
		heap.Push(&d.heap, deadline{at, cl})
	case i >= 0 && at == 0:
		heap.Remove(&d.heap, i)
	case i >= 0:
		d.heap[i].at = at
		heap.Fix(&d.heap, i)
	}
	d.arm()
}

// arm sets the timer to the first deadline. mu is held.
func (d *deadlines) arm() {
	if d.stopped || len(d.heap) == 0 || d.timer != nil && d.set == d.heap[0].at {
		return
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.set = d.heap[0].at
	d.timer = time.AfterFunc(max(0, time.UnixMilli(d.set).Sub(d.now())), d.fire)
}

// fire tells the clients whose deadlines have come, without the lock.
func (d *deadlines) fire() {
	now := d.now().UnixMilli()
	d.mu.Lock()
	var due []*client
	for !d.stopped && len(d.heap) > 0 && d.heap[0].at <= now {
		due = append(due, heap.Pop(&d.heap).(deadline).client)
	}
	d.timer = nil
	d.arm()
	d.mu.Unlock()
	for _, cl := range due {
		cl.due(now)
	}
}

func (d *deadlines) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped = true; d.timer != nil {
		d.timer.Stop()
	}
}

// Len implements heap.Interface.
func (h deadlineHeap) Len() int { return len(h) }

// Less implements heap.Interface.
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }

// Swap implements heap.Interface.
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].client.deadline, h[j].client.deadline = int32(i+1), int32(j+1)
}

// Push implements heap.Interface.
func (h *deadlineHeap) Push(x any) {
	next := x.(deadline)
	*h = append(*h, next)
	next.client.deadline = int32(len(*h))
}

// Pop implements heap.Interface.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	out := (*h)[last]
	(*h)[last] = deadline{}
	*h = (*h)[:last]
	out.client.deadline = 0
	return out
}
