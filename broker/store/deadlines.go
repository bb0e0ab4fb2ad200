package store

import (
	"container/heap"
	"slices"
)

// deadlines are when topics expire, the next first. What is no longer true is thrown away when it comes up, or when there is
// much of it.
type deadlines struct {
	heap  deadlineHeap
	limit int // so many are too many
}

type deadline struct {
	name string
	at   int64
}

// add adds d. current says which are true.
func (ds *deadlines) add(d deadline, current func(deadline) bool) {
	if len(ds.heap) >= max(ds.limit, 64) {
		ds.heap = slices.DeleteFunc(ds.heap, func(d deadline) bool { return !current(d) })
		heap.Init(&ds.heap)
		ds.limit = 2 * len(ds.heap)
	}
	heap.Push(&ds.heap, d)
}

// next is the time of the next that is true, or 0.
func (ds *deadlines) next(current func(deadline) bool) int64 {
	for len(ds.heap) > 0 {
		if current(ds.heap[0]) {
			return ds.heap[0].at
		}
		ds.pop()
	}
	return 0
}

// pop removes the next.
func (ds *deadlines) pop() deadline { return heap.Pop(&ds.heap).(deadline) }

// deadlineHeap implements heap.Interface.
type deadlineHeap []deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h deadlineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *deadlineHeap) Push(x any)        { *h = append(*h, x.(deadline)) }

func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = deadline{}
	*h = (*h)[:last]
	return d
}
